/*
 * common/fail_reason.c - what $fail_reason may say.
 */
#include "common/fail_reason.h"

const struct fail_reason fail_reasons[] = {
    {"access.address", "403", "`deny` names the client's address."},
    {"access.denied", "401, 403", "`satisfy any`: no rule let the request in."},
    {"auth.basic", "401", "No password was given, or not the right one."},
    {"auth.busy", "503", "Too many passwords wait to be checked."},
    {"auth.file", "403, 500", "The file of users is missing, cannot be read, or has a password of "
                              "an unknown form."},
    {"auth.request", "401, 403, 500", "What `auth_request` asked said no, or neither yes nor no."},
    {"auth.subrequest", "500", "`auth_request` could not ask: too many subrequests."},
    {"body.malformed", "400", "The request's body is not in the form that its head says, or ended "
                              "too soon."},
    {"body.storage", "500", "The request's body could not be written to a file."},
    {"body.timeout", "408", "The request's body did not come in time (`client_body_timeout`)."},
    {"body.too_large", "413", "The request's body is larger than `client_max_body_size`."},
    {"client.gone", "499", "The client closed the connection before it had its answer."},
    {"content.none", "403, 404", "Nothing in this place answers requests."},
    {"dav.destination", "400", "DAV: Destination is invalid, or elsewhere."},
    {"dav.overwrite", "400", "DAV: Overwrite is neither T nor F."},
    {"dav.refused", "400 to 507", "DAV: what is there, or the file system, does not allow it."},
    {"dav.request", "400, 409, 415, 501", "DAV: the method does not take what the request says."},
    {"file.error", "500", "A file could not be read for another reason than the next two."},
    {"file.forbidden", "403", "The worker may not read the file, or list the directory."},
    {"file.kind", "404", "Neither a file nor a directory."},
    {"file.missing", "404", "There is no such file."},
    {"limit.places", "`limit_conn_status`", "Too many requests at once (`limit_conn`)."},
    {"limit.rate", "`limit_req_status`", "Too many requests in a time (`limit_req`)."},
    {"limit.room", "`limit_conn_status`, `limit_req_status`", "The zone of a limit is full."},
    {"location.internal", "404", "The location is `internal`, the request is not."},
    {"location.unknown", "500", "There is no named location of that name."},
    {"memory.low", "500, 503", "Memory is short."},
    {"redirect.empty", "500", "An internal redirect leads to an empty URI."},
    {"request.callback", "400", "`autoindex_format jsonp`: the name of the callback is not one."},
    {"request.framing", "400, 501", "Content-Length or Transfer-Encoding is invalid, or says "
                                    "something else than the other."},
    {"request.head_too_large", "400", "Header lines are larger, or more, than "
                                      "`large_client_header_buffers` allows."},
    {"request.header", "400", "A header line is not one."},
    {"request.host", "400", "The host is missing, invalid, or there are two."},
    {"request.incomplete", "400", "The client closed the connection within a head."},
    {"request.line", "400", "The first line is not that of a request."},
    {"request.line_too_long", "414", "The first line is longer than one of "
                                     "`large_client_header_buffers`."},
    {"request.method", "405", "The method is not allowed here."},
    {"request.precondition", "412", "If-Match or If-Unmodified-Since does not hold."},
    {"request.range", "416", "No range that was asked for is within the file."},
    {"request.timeout", "408", "The head did not come in time (`client_header_timeout`)."},
    {"request.uri", "400", "The URI is invalid, or leads above the root."},
    {"request.version", "400, 505", "The version of HTTP is invalid or not one of ours."},
    {"rewrite.cycle", "500", "The URI was changed more than ten times."},
    {"rewrite.empty", "500", "`rewrite` made an empty URI."},
    {"rewrite.return", "as written", "`return`."},
    {"threads.busy", "503", "Too much waits for files to be written (`thread_pool`)."},
    {"tls.certificate", "400", "The client's certificate is not trusted (495)."},
    {"tls.misdirected", "421", "The handshake was with a server that asks for other certificates."},
    {"tls.no_certificate", "400", "The client showed no certificate (496)."},
    {"tls.plain", "400", "Plain HTTP where TLS is spoken."},
    {"try.none", "as written", "`try_files` found nothing and names a status."},
    {"tunnel.client", "101", "A tunnel ended because the client's connection broke, or it took "
                             "nothing for `send_timeout`."},
    {"tunnel.shutdown", "101", "A tunnel ended with its worker (`worker_shutdown_timeout`)."},
    {"tunnel.timeout", "101", "A tunnel ended because nothing had moved for `proxy_read_timeout`, "
                              "or the origin took nothing for `proxy_send_timeout`."},
    {"tunnel.upstream", "101", "A tunnel ended because the origin's connection broke."},
    {"upstream.body_closed", "as the origin's", "The origin closed the connection, or it broke, "
                                                "before its answer was whole."},
    {"upstream.body_invalid", "as the origin's", "The origin's answer goes on in a form that is "
                                                 "none of its protocol."},
    {"upstream.body_storage", "as the origin's", "The origin's answer could not be written to a "
                                                 "file."},
    {"upstream.body_timeout", "as the origin's", "The origin's answer did not go on in time."},
    {"upstream.breaker", "502", "All origins that are left answered badly or slowly (`breaker`)."},
    {"upstream.certificate", "500", "The certificate that the origin is to see, whose name has "
                                    "variables, or its key could not be loaded."},
    {"upstream.closed", "502", "The origin closed the connection, or it broke."},
    {"upstream.connect", "502", "No connection to an origin could be made."},
    {"upstream.connect_timeout", "504", "No connection to an origin could be made in time."},
    {"upstream.denied", "403", "`proxy_allow_upstream` and its like allow no connection there."},
    {"upstream.head_invalid", "502", "The origin's answer is not HTTP."},
    {"upstream.head_too_big", "502", "The origin's header is larger than `proxy_buffer_size`."},
    {"upstream.local", "500", "There is no socket for a connection to an origin: descriptors are "
                              "short, or the address of `proxy_bind` is not ours."},
    {"upstream.none_live", "502", "All origins are down, or are taken to be."},
    {"upstream.queue_full", "502", "No origin is free, and as many requests wait as may."},
    {"upstream.queue_timeout", "502", "No origin became free in time."},
    {"upstream.redirect_unsafe", "404", "X-Accel-Redirect leads outside."},
    {"upstream.request", "500", "The request cannot be put into the origin's protocol."},
    {"upstream.status", "as the origin's", "`proxy_intercept_errors`: a page of ours stands for "
                                           "the origin's error."},
    {"upstream.switched", "502", "The origin switched protocols (101) without being asked, to "
                                 "another one, or too soon."},
    {"upstream.timeout", "504", "The origin did not read or answer in time."},
    {"upstream.total_timeout", "504", "The time for all tries and the answer is over "
                                      "(`proxy_total_timeout`)."},
    {"upstream.unresolved", "500, 502", "The origin's name has no address, or is none."},
};
const size_t fail_reason_count = COUNT(fail_reasons);

void fail_reason_dump(FILE *out)
{
    for (size_t i = 0; i < COUNT(fail_reasons); i++)
        fprintf(out, "%s\t%s\t%s\n", fail_reasons[i].name, fail_reasons[i].status,
                fail_reasons[i].doc);
}
