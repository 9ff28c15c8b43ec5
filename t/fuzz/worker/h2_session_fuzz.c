/*
 * t/fuzz/worker/h2_session_fuzz.c - an HTTP/2 client that does anything, over a socketpair.
 *
 * The input is a program: each step sends a frame that is right but for what the input chooses, or
 * raw bytes, reads some of the answers, or lets time pass. Whatever it does, everything is given
 * back when it leaves.
 */
#include "t/fuzz/script.h"
#include "worker/h2/h2_conn.h"

#define KIT_MODULES &h2_module,
#include "t/unit/h1/h1_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
    "events { } http { http2 on; http2_body_preread_size 1k; http2_recv_buffer_size 64k;\n"
    "  client_max_body_size 100k; client_body_buffer_size 4k; large_client_header_buffers 2 2k;\n"
    "  send_timeout 20s; client_body_timeout 20s; keepalive_timeout 60s; keepalive_requests 40;\n"
    "  server { listen 127.0.0.1:80;\n"
    "    location / { return 200 \"path $uri\\n\"; }\n"
    "    location /echo { toy echo; }\n"
    "    location /chunks { toy chunks; }\n"
    "    location /park { toy park; }\n"
    "    location /hint { toy hint; }\n"
    "    location /silent { return 444; } } }";

static const char *const paths[] = {"/", "/echo", "/chunks", "/park", "/hint", "/silent", "",
                                    "/../"};

struct program {
    struct script s;
    uint32_t newest;             /* stream opened last */
    int fd;
};

static void send_frame(struct program *p, uint8_t type, uint8_t flags, uint32_t stream,
                       struct str payload)
{
    char frame[H2_FRAME_HEAD + 65536];

    frame[0] = (char)(payload.len >> 16);
    frame[1] = (char)(payload.len >> 8);
    frame[2] = (char)payload.len;
    frame[3] = (char)type;
    frame[4] = (char)flags;
    for (int i = 0; i < 4; i++)
        frame[5 + i] = (char)(stream >> (24 - 8 * i));
    memcpy(frame + H2_FRAME_HEAD, payload.data, payload.len);
    client_send(p->fd, (struct str){frame, H2_FRAME_HEAD + payload.len});
}

/* Mostly one that is open. */
static uint32_t some_stream(struct program *p)
{
    uint32_t choice = take(&p->s, 1);

    return choice < 200 ? p->newest - MIN(p->newest, 2 * (choice % 4)) : choice - 200;
}

static size_t put_literal(char *out, const char *name, struct str value)
{
    size_t len = strlen(name);

    out[0] = 0;
    out[1] = (char)len;
    memcpy(out + 2, name, len);
    out[2 + len] = (char)MIN(value.len, 126u);
    memcpy(out + 3 + len, value.data, MIN(value.len, 126u));
    return 3 + len + MIN(value.len, 126u);
}

static void send_request(struct program *p)
{
    uint32_t kind = take(&p->s, 1);
    struct str more = take_bytes(&p->s);
    char block[1024];
    size_t n = 0;

    n += put_literal(block + n, ":method", str_of(kind & 1 ? "POST" : kind & 2 ? "HEAD" : "GET"));
    n += put_literal(block + n, ":scheme", STR("http"));
    n += put_literal(block + n, ":path", str_of(paths[kind >> 2 & 7]));
    n += put_literal(block + n, ":authority", STR("a"));
    memcpy(block + n, more.data, more.len);
    p->newest += p->newest == 0 ? 1 : 2;
    send_frame(p, NGHTTP2_HEADERS, kind >= 128 ? 4 : kind >= 32 ? 5 : 0, p->newest,
               (struct str){block, n + more.len});
}

static void send_data(struct program *p)
{
    static const char zeros[20000];
    uint32_t flags = take(&p->s, 1), len = take(&p->s, 2) % sizeof(zeros);

    send_frame(p, NGHTTP2_DATA, (uint8_t)flags, some_stream(p), (struct str){zeros, len});
}

static void send_number(struct program *p, uint8_t type)
{
    uint32_t n = take(&p->s, 4), stream = some_stream(p);
    char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

    send_frame(p, type, 0, stream, (struct str){bytes, 4});
}

static void send_any(struct program *p)
{
    uint32_t type = take(&p->s, 1), flags = take(&p->s, 1), stream = some_stream(p);

    send_frame(p, (uint8_t)type, (uint8_t)flags, stream, take_bytes(&p->s));
}

static void hear_some(struct program *p)
{
    char bytes[256];

    if (read(p->fd, bytes, take(&p->s, 1)) > 0)
        kit_turns(2);
}

static void step(struct program *p)
{
    switch (take(&p->s, 1) % 10) {
    case 0:
        client_send(p->fd, take_bytes(&p->s));
        break;
    case 1:
    case 2:
        send_request(p);
        break;
    case 3:
        send_data(p);
        break;
    case 4:
        send_number(p, NGHTTP2_RST_STREAM);
        break;
    case 5:
        send_number(p, NGHTTP2_WINDOW_UPDATE);
        break;
    case 6:
        send_any(p);
        break;
    case 7:
        hear_some(p);
        break;
    case 8:
        client_hear(p->fd, NULL);
        break;
    case 9:
        kit_pass((int64_t)take(&p->s, 1) * 100);
        break;
    }
}

static struct kit *begin(void)
{
    static volatile int signals;
    struct kit *kit = h1_kit(config);
    struct child child = {.gen = &kit->gen, .channel = -1, .signal_seen = &signals};

    must(h2_module.worker_start(&child) == RC_OK);
    return kit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kit *kit;
    struct program p = {.s = {data, data + size}};

    if (kit == NULL)
        kit = begin();
    p.fd = client_open(kit);
    client_say(p.fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    send_frame(&p, NGHTTP2_SETTINGS, 0, 0, STR(""));
    for (int steps = 0; p.s.at < p.s.end && steps < 400; steps++)
        step(&p);
    close(p.fd);
    for (int i = 0; i < 8 && conn_stats.open > 0; i++)
        kit_pass(30000);
    must(conn_stats.open == 0);
    must(conn_stats.reading + conn_stats.writing == 0);
    return 0;
}
