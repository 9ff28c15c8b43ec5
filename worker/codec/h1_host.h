/*
 * worker/codec/h1_host.h - a host with an optional port, as Host and authorities carry it.
 */
#pragma once

#include "common/str.h"

/*
 * "name", "name:80", "1.2.3.4", "[::1]:80": splits off the port (-1 when absent or empty) and a
 * final dot. False if it is no such thing: empty, user information, ports that are no number of 16
 * bits, characters that RFC 3986, 3.2.2 does not know, two dots in a row. Serves h2 and h3 too
 * (:authority). The host stays as sent; *has_upper says that it has capitals to be folded before
 * it is compared.
 */
bool h1_host_parse(struct str text, struct str *host, int32_t *port, bool *has_upper);
