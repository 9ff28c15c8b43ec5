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

static char part_memory[8];

static void get_of_part(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_found(out, str_of(part_memory));
}

/* What a part of a request computes or sets is the whole request's, and outlives the part. */
static void values_of_a_part_outlive_it(void)
{
    struct scope whole = fresh_scope(), part;

    vars[LOOP].get = get_of_part;
    is_slice(var_str(scope_var(&whole, KEPT)), "n1", "computed by the whole");
    part = whole;
    part.pool = pool_create(POOL_BLOCK);
    part.shared = whole.pool;
    is_slice(var_str(scope_var(&part, KEPT)), "n1", "is what its part sees");
    strcpy(part_memory, "here");
    is_slice(var_str(scope_var(&part, LOOP)), "here", "computed by the part");
    scope_set(&part, PLAIN, pool_str(part.pool, STR("set")));
    is_slice(var_str(scope_var(&part, FRESH)), "n2", "an uncacheable one");
    strcpy(part_memory, "gone");
    pool_destroy(part.pool);
    is_slice(var_str(scope_var(&whole, LOOP)), "here", "is what the whole sees when it has ended");
    is_slice(var_str(scope_var(&whole, PLAIN)), "set", "as is what it set");
    is_slice(var_str(scope_var(&whole, FRESH)), "n3", "and an uncacheable one is computed anew");
    vars[LOOP].get = get_itself;
}

static const struct var_def defs[] = {
    {.name = "used", .get = get_counter},
    {.name = "unused", .get = get_counter},
    {.name = "pre_", .get = get_counter, .flags = VAR_PREFIX},
    {.name = NULL},
};

static void names_are_found_at_run_time(void)
{
    struct var_table names;
    struct scope s = fresh_scope();
    struct var_value value;

    var_table_init(&names, pool);
    var_table_add(&names, defs, COUNT(defs));
    var_use(&names, STR("used"));
    var_use(&names, STR("undefined"));
    s.vars = &names;
    ok(scope_var_named(&s, STR("used"), &value), "a name that the config uses");
    is_slice(var_str(&value), "n1", "has its value");
    ok(scope_var_named(&s, STR("used"), &value), "again");
    is_slice(var_str(&value), "n1", "which is kept");
    ok(scope_var_named(&s, STR("unused"), &value), "a name that only a module knows");
    is_slice(var_str(&value), "n2", "is computed");
    ok(scope_var_named(&s, STR("pre_x"), &value), "a name with a prefix");
    is_slice(var_str(&value), "n3", "too");
    ok(!scope_var_named(&s, STR("undefined"), &value), "one that is used but not defined");
    ok(!scope_var_named(&s, STR("other"), &value), "one that nobody knows");
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
    values_of_a_part_outlive_it();
    names_are_found_at_run_time();
    a_cycle_ends();
    templates_are_joined();
    pool_destroy(pool);
    return tap_done();
}
