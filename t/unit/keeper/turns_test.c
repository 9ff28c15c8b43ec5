/*
 * t/unit/keeper/turns_test.c - nobody who waits for a turn is passed over or forgotten.
 */
#include "t/unit/tap.h"
#include "worker/event/loop.h"
#include "worker/keeper/turns.h"

static struct loop test_loop;
static struct turns turns;

static struct user {
    struct post post;
    struct turn turn;
    bool has;
} users[4];

static void run(struct post *post)
{
    struct user *u = CONTAINER(post, struct user, post);

    u->has = u->has || turns_take(&turns, &u->turn);
}

static void give(int n)
{
    users[n].has = false;
    turns_give(&turns);
}

static void begin(uint32_t most)
{
    turns_init(&turns, most);
    for (size_t i = 0; i < COUNT(users); i++)
        users[i] = (struct user){.post.run = run, .turn.post = &users[i].post};
}

static void a_latecomer_waits(void)
{
    begin(1);
    run(&users[0].post);
    run(&users[1].post);
    ok(users[0].has && !users[1].has, "one at a time");
    post_now(&users[2].post); /* already on its way when the first one ends */
    give(0);
    post_run_all(&test_loop.posts);
    ok(users[1].has && !users[2].has, "who waits comes before who comes by");
    give(1);
    post_run_all(&test_loop.posts);
    ok(users[2].has, "who had to wait then is next");
    give(2);
    run(&users[3].post);
    ok(users[3].has, "and nobody is left");
}

static void two_end_at_once(void)
{
    begin(2);
    for (int i = 0; i < 4; i++)
        run(&users[i].post);
    ok(users[0].has && users[1].has && !users[2].has && !users[3].has, "two at a time");
    give(0);
    give(1);
    post_run_all(&test_loop.posts);
    ok(users[2].has && users[3].has, "two turns that end make place for two");
}

int main(void)
{
    is_int(loop_init(&test_loop, 16), RC_OK, "a loop");
    loop = &test_loop;
    a_latecomer_waits();
    two_end_at_once();
    return tap_done();
}
