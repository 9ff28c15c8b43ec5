/*
 * t/unit/access/password_test.c - stored passwords of every form, made by the tools that make them.
 */
#include "worker/access/password.h"

#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static const struct {
    const char *stored, *password;
    enum password_result result;
} cases[] = {
    {"{PLAIN}secret", "secret", PASSWORD_RIGHT},
    {"{PLAIN}secret", "secret2", PASSWORD_WRONG},
    {"{PLAIN}", "", PASSWORD_RIGHT},
    {"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret", PASSWORD_RIGHT},
    {"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "Secret", PASSWORD_WRONG},
    {"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ", "secret", PASSWORD_RIGHT},
    {"{SHA}", "secret", PASSWORD_WRONG},
    {"{SHA}!!", "secret", PASSWORD_WRONG},
    {"{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0", "secret", PASSWORD_RIGHT},
    {"{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0", "secre", PASSWORD_WRONG},
    {"{SSHA}gVK8", "secret", PASSWORD_WRONG},
    {"$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "secret", PASSWORD_RIGHT},
    {"$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "secreT", PASSWORD_WRONG},
    {"$apr1$abc$BfqKdn9xFDWJPa3kcp/PH0", "", PASSWORD_RIGHT},
    {"$apr1$12345678$ZB1vyDV5V.sOKjJ6rQyTE1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     PASSWORD_RIGHT},
    {"$apr1$", "x", PASSWORD_WRONG},
    {"$apr1$abc", "x", PASSWORD_WRONG},
    {"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "secret", PASSWORD_RIGHT},
    {"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "wrong", PASSWORD_WRONG},
    {"$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
     "H91p5hVO1", "secret", PASSWORD_RIGHT},
    {"$5$abcd$BgCbKzckrgGdFcL/gWllSOkKJCXQV5rwJeTh9xnsJ1D", "secret", PASSWORD_RIGHT},
    {"$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "secret", PASSWORD_RIGHT},
    {"$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01", "secret", PASSWORD_RIGHT},
    {"abNANd1rDfiNc", "secret", PASSWORD_RIGHT},
    {"abNANd1rDfiNc", "secreT", PASSWORD_WRONG},
    {"$99$nobody", "secret", PASSWORD_UNKNOWN_FORM},
    {"*", "*", PASSWORD_UNKNOWN_FORM},
    {"", "", PASSWORD_UNKNOWN_FORM},
};

static void checks_every_form(void)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        is_int(password_check(str_of(cases[i].stored), str_of(cases[i].password)), cases[i].result,
               cases[i].stored);
    is_int(password_check(STR("abNANd1rDfiNc"), STR("secret\0more")), PASSWORD_WRONG,
           "no password ends at a NUL");
}

static void finds_a_user(void)
{
    struct str file = STR("# comment:x\n\nann:one\nbob:two:and a comment\r\n#carl:three\n"
                          "ann:again\ndan:\r\neve\n:none\nlast:line");

    is_slice(password_find(file, STR("ann")), "one", "the first line of a name counts");
    is_slice(password_find(file, STR("bob")), "two", "what is behind the password is not of it");
    is_slice(password_find(file, STR("last")), "line", "a last line without its end");
    is_slice(password_find(file, STR("dan")), "", "an empty password");
    ok(password_find(file, STR("carl")).data == NULL, "a comment is no user");
    ok(password_find(file, STR("#carl")).data == NULL, "not by its mark either");
    ok(password_find(file, STR("eve")).data == NULL, "a name alone has no password");
    ok(password_find(file, STR("an")).data == NULL, "a part of a name is none");
    ok(password_find(STR(""), STR("ann")).data == NULL, "nobody in an empty file");
}

int main(void)
{
    checks_every_form();
    finds_a_user();
    return tap_done();
}
