/*
 * t/unit/proxy/proxy_url_test.c - the parts of a proxy_pass URL.
 */
#include "t/unit/tap.h"
#include "worker/proxy/proxy_url.h"

static struct pool *pool;

static void splits(const char *text, const char *host_port, const char *uri, const char *host,
                   const char *port)
{
    struct proxy_url url;
    const char *why = proxy_url_split(pool, str_of(text), &url);

    is_str(why, NULL, text);
    is_slice(url.host_port, host_port, "where to connect");
    is_slice(url.uri, uri, "the uri");
    is_slice(url.host, host, "$proxy_host");
    is_slice(url.port, port, "$proxy_port");
}

static void refuses(const char *text, const char *why)
{
    struct proxy_url url;

    is_str(proxy_url_split(pool, str_of(text), &url), why, text);
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    splits("http://app", "app", "", "app", "80");
    splits("http://app/", "app", "/", "app", "80");
    splits("http://app:80/x", "app:80", "/x", "app", "80");
    splits("HTTP://app:8080/x?y", "app:8080", "/x?y", "app:8080", "8080");
    splits("http://app?y", "app", "/?y", "app", "80");
    splits("http://[::1]:81", "[::1]:81", "", "[::1]:81", "81");
    splits("http://[::1]/", "[::1]", "/", "[::1]", "80");
    splits("https://app", "app", "", "app", "443");
    splits("https://app:443/x", "app:443", "/x", "app", "443");
    splits("https://app:80/", "app:80", "/", "app:80", "80");
    splits("http://unix:/a/b.sock", "unix:/a/b.sock", "", "localhost", "");
    splits("http://unix:/a/b.sock:/x", "unix:/a/b.sock", "/x", "localhost", "");
    refuses("app", "invalid URL prefix");
    refuses("ftp://app", "invalid URL prefix");
    refuses("https://", "no host");
    refuses("http://", "no host");
    refuses("http:///x", "no host");
    refuses("http://unix:", "no path in the unix domain socket");
    refuses("http://app:x/", "invalid port");
    pool_destroy(pool);
    return tap_done();
}
