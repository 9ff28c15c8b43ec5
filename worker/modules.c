/*
 * worker/modules.c - every module and every role there is.
 *
 * The one place that orders things: handlers of a phase run in the order of this list, and so do
 * filters, the first being the nearest to the content.
 */
#include "common/core_conf.h"
#include "worker/access/access.h"
#include "worker/access/auth_basic.h"
#include "worker/access/auth_request.h"
#include "worker/access/limit_conn.h"
#include "worker/access/limit_headers.h"
#include "worker/access/limit_req.h"
#include "worker/access/realip.h"
#include "worker/access/referer.h"
#include "worker/access/secure_link.h"
#include "worker/filter/addition.h"
#include "worker/filter/brotli.h"
#include "worker/filter/charset.h"
#include "worker/filter/compress.h"
#include "worker/filter/gunzip.h"
#include "worker/filter/gzip.h"
#include "worker/filter/headers.h"
#include "worker/filter/limit_rate.h"
#include "worker/filter/not_modified.h"
#include "worker/filter/range.h"
#include "worker/filter/remove_header.h"
#include "worker/filter/ssi.h"
#include "worker/filter/sub.h"
#include "worker/filter/userid.h"
#include "worker/filter/zstd.h"
#include "worker/h1/h1_conn.h"
#include "worker/h2/h2_conn.h"
#include "worker/h2/h2_obsolete.h"
#include "worker/handler/autoindex.h"
#include "worker/handler/dav.h"
#include "worker/handler/empty_gif.h"
#include "worker/handler/flv.h"
#include "worker/handler/index.h"
#include "worker/handler/mirror.h"
#include "worker/handler/mp4.h"
#include "worker/handler/precompressed.h"
#include "worker/handler/random_index.h"
#include "worker/handler/static_file.h"
#include "worker/handler/stub_status.h"
#include "worker/http/early_hints.h"
#include "worker/http/error_log_tag.h"
#include "worker/http/browser.h"
#include "worker/http/coding.h"
#include "worker/http/file_access.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/http_ssl.h"
#include "worker/http/limit_except.h"
#include "worker/http/log_phase.h"
#include "worker/http/request_vars.h"
#include "worker/http/rewrite.h"
#include "worker/http/try_files.h"
#include "worker/keeper/keeper.h"
#include "worker/keeper_role.h"
#include "worker/net/resolver_conf.h"
#include "worker/proxy/fastcgi.h"
#include "worker/proxy/grpc.h"
#include "worker/proxy/health_check.h"
#include "worker/proxy/memcached.h"
#include "worker/proxy/proxy.h"
#include "worker/proxy/scgi_pass.h"
#include "worker/proxy/tunnel_pass.h"
#include "worker/proxy/upstream_vars.h"
#include "worker/proxy/uwsgi_pass.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/group.h"
#include "worker/upstream/lb_hash.h"
#include "worker/upstream/lb_ip_hash.h"
#include "worker/upstream/lb_least_conn.h"
#include "worker/upstream/lb_least_time.h"
#include "worker/upstream/lb_random.h"
#include "worker/upstream/queue.h"
#include "worker/upstream/sticky.h"
#include "worker/vars/geo.h"
#include "worker/vars/map.h"
#include "worker/vars/proxy_vars.h"
#include "worker/vars/split_clients.h"
#include "worker/vars/tls_vars.h"
#include "worker/worker.h"

const struct module *const modules[] = {
    &core_module,

    &http_core_module,
    &file_access_module,
    &http_variables_module,
    &resolver_module,
    &early_hints_module,
    &proxy_vars_module,
    &tls_vars_module,
    &realip_module, /* the first to look at a request: others ask for its client */
    &map_module,
    &geo_module,
    &split_clients_module,
    &browser_module,
    &referer_module,
    &secure_link_module,
    &server_rewrite_module,
    &rewrite_module,
    &limit_except_module,
    &realip_late_module,
    &limit_req_module,
    &limit_conn_module,
    &access_module,
    &auth_basic_module,
    &auth_request_module,
    &stub_status_module,
    &empty_gif_module,
    &try_files_module,
    &mirror_module,
    &flv_module,
    &mp4_module,
    &index_module,
    &random_index_module,
    &autoindex_module,
    &dav_module,
    &gzip_static_module,
    &brotli_static_module,
    &zstd_static_module,
    &static_file_module,
    &breaker_module, /* known to upstreams */
    &upstream_module,
    &least_conn_module,
    &ip_hash_module,
    &hash_module,
    &random_module,
    &least_time_module,
    &sticky_module,
    &queue_module,
    &upstream_vars_module,
    &proxy_module,
    &tunnel_pass_module,
    &fastcgi_module, &grpc_module,
    &uwsgi_module,
    &scgi_module,
    &memcached_module,
    &health_check_module, /* behind all who pass requests on */

    &not_modified_module,
    &limit_headers_module,
    &headers_module,
    &userid_module,
    &gunzip_module,
    &sub_module,
    &charset_module,
    &ssi_module,
    &addition_module, /* behind the filters that change a response: it has been through its own */
    &gzip_module,
#ifdef WEIR_BROTLI
    &brotli_module,
#endif
#ifdef WEIR_ZSTD
    &zstd_module,
#endif
    &compress_module, /* takes the best of what those before it offer */
    &coding_module, /* and this one says that they have looked */
    &range_module,
    &trailers_module,
    &remove_header_module, /* behind whoever adds a field */
    &limit_rate_module, /* the last filter: it counts what the client gets */

    &log_phase_module,
    &error_log_tag_module,
    &http_block_module, /* last to finish loading: it builds what others have added to */
    &http_ssl_module, /* behind it: it looks at what listens */
    &keeper_module, /* behind all who give it work */
    &h1_module,
    &h2_module,
    &h2_obsolete_module,
    NULL,
};

const struct role *const roles[] = {
    &worker_role, /* the first: it serves alone where there is no master */
    &keeper_role,
    NULL,
};
