/*
 * t/unit/net/scope_test.c - when variables are computed, and what templates make of them.
 */
#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/net/scope.h"

static int calls;
static struct pool *pool;
static struct var_table table;

static void get_counter(struct scope *scope, struct var_value *out, uintptr_t data)
{
    calls++;
    var_found(out, pool_printf(scope->pool, "n%d", calls));
}

static void get_nothing(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_missing(out);
}

static void get_itself(struct scope *scope, struct var_value *out, uintptr_t data)
{
    *out = *scope_var(scope, (uint32_t)data);
}

static struct str was_set;

static void set_elsewhere(struct scope *scope, const struct var_value *value, uintptr_t data)
{
    was_set = var_str(value);
}

enum { KEPT, FRESH, MISSING, SET, LOOP, PLAIN };

static struct var vars[] = {
    [KEPT] = {.get = get_counter},
    [FRESH] = {.get = get_counter, .flags = VAR_NO_CACHE},
    [MISSING] = {.get = get_nothing},
    [SET] = {.get = get_counter, .set = set_elsewhere},
    [LOOP] = {.get = get_itself, .data = LOOP},
    [PLAIN] = {.get = NULL},
};

static struct scope fresh_scope(void)
{
    calls = 0;
    return (struct scope){.pool = pool, .log = &process_log, .vars = &table};
}

static void values_are_kept_unless_uncacheable(void)
{
    struct scope s = fresh_scope();

    ok(s.values == NULL, "no values before the first read");
    is_slice(var_str(scope_var(&s, KEPT)), "n1", "computed");
    is_slice(var_str(scope_var(&s, KEPT)), "n1", "and kept");
    is_slice(var_str(scope_var_flushed(&s, KEPT)), "n2", "unless asked for anew");
    is_slice(var_str(scope_var(&s, FRESH)), "n3", "an uncacheable one");
    is_slice(var_str(scope_var(&s, FRESH)), "n4", "is computed each time");
    is_int(scope_var(&s, MISSING)->state, VAR_NOT_FOUND, "one may be missing");
    is_int(scope_var(&s, PLAIN)->state, VAR_NOT_FOUND, "one without getter is, until it is set");
    scope_set(&s, PLAIN, STR("set"));
    is_slice(var_str(scope_var(&s, PLAIN)), "set", "then it has that value");
    scope_set(&s, SET, STR("x"));
    is_slice(was_set, "x", "a setter gets the value itself");
}

static void a_cycle_ends(void)
{
    struct scope s = fresh_scope();

    is_int(scope_var(&s, LOOP)->state, VAR_NOT_FOUND, "a variable that needs itself is missing");
}

static void templates_are_joined(void)
{
    struct template_part parts[20] = {
        {.text = STR_INIT("a="), .kind = PART_TEXT},   {.index = KEPT, .kind = PART_VAR},
        {.text = STR_INIT(" b="), .kind = PART_TEXT},  {.index = MISSING, .kind = PART_VAR},
        {.text = STR_INIT(" 1="), .kind = PART_TEXT},  {.index = 1, .kind = PART_CAPTURE},
        {.text = STR_INIT(" 2="), .kind = PART_TEXT},  {.index = 2, .kind = PART_CAPTURE},
        {.text = STR_INIT(" 9="), .kind = PART_TEXT},  {.index = 9, .kind = PART_CAPTURE},
        {.text = STR_INIT(" c="), .kind = PART_TEXT},  {.index = FRESH, .kind = PART_VAR},
    };
    struct template constant = {.constant = true, .source = STR_INIT("text")};
    struct template one = {.count = 1, .parts = &parts[1]};
    struct template many = {.count = 12, .parts = parts};
    size_t captures[] = {0, 5, 1, 3, SIZE_MAX, SIZE_MAX};
    struct scope s = fresh_scope();

    s.capture_text = STR("match");
    s.captures = captures;
    s.capture_count = 3;
    is_slice(scope_eval(&s, &constant), "text", "a constant");
    is_slice(scope_eval(&s, &one), "n1", "a variable alone");
    is_slice(scope_eval(&s, &many), "a=n1 b= 1=at 2= 9= c=n2", "text, variables, captures");
    for (size_t i = 12; i < COUNT(parts); i++)
        parts[i] = (struct template_part){.text = STR_INIT("-"), .kind = PART_TEXT};
    many.count = 20;
    is_slice(scope_eval(&s, &many), "a=n1 b= 1=at 2= 9= c=n3--------", "many parts");
}

int main(void)
{
    clock_update();
    process_log.level = 0;
    pool = pool_create(POOL_BLOCK);
    table.pool = pool;
    table.vars = array_of(struct var *, pool);
    for (size_t i = 0; i < COUNT(vars); i++)
        *(struct var **)array_push(&table.vars) = &vars[i];
    values_are_kept_unless_uncacheable();
    a_cycle_ends();
    templates_are_joined();
    pool_destroy(pool);
    return tap_done();
}
