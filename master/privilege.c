/*
 * master/privilege.c - capabilities, by libcap.
 *
 * The bounding set is left alone in the master: a new binary (USR2) started by root needs it whole.
 */
#include "master/privilege.h"

#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/log.h"

static const cap_value_t kept[] = {
    CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_CHOWN,
    CAP_FOWNER, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SYS_RESOURCE, CAP_SYS_NICE,
};

static const struct {
    cap_value_t caps[4];
    int count;
} needs[] = {
    [PRIVILEGE_BIND] = {{CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_DAC_OVERRIDE, CAP_FOWNER}, 4},
    [PRIVILEGE_FILES] = {{CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER}, 3},
    [PRIVILEGE_KILL] = {{CAP_KILL}, 1},
    [PRIVILEGE_LIMITS] = {{CAP_SYS_RESOURCE, CAP_SYS_NICE}, 2},
    [PRIVILEGE_USER] = {{CAP_SETUID, CAP_SETGID, CAP_SETPCAP}, 3},
};

/* Adds `cap` to `to` in both sets' terms if `from` permits it. */
static void copy_permitted(cap_t to, cap_t from, cap_value_t cap, cap_flag_t flag)
{
    cap_flag_value_t value = CAP_CLEAR;

    if (cap_get_flag(from, cap, CAP_PERMITTED, &value) == 0 && value == CAP_SET)
        cap_set_flag(to, flag, 1, &cap, CAP_SET);
}

static void apply(cap_t caps)
{
    if (cap_set_proc(caps) != 0)
        log_error(&process_log, LOG_ALERT, errno, "cap_set_proc() failed");
}

void privilege_init(void)
{
    cap_t now = cap_get_proc(), wanted = cap_init();

    if (now != NULL && wanted != NULL) {
        for (size_t i = 0; i < COUNT(kept); i++) {
            cap_value_t cap = kept[i];

            copy_permitted(wanted, now, cap, CAP_PERMITTED);
            cap_flag_value_t value = CAP_CLEAR;
            if (cap_get_flag(now, cap, CAP_INHERITABLE, &value) == 0 && value == CAP_SET)
                cap_set_flag(wanted, CAP_INHERITABLE, 1, &cap, CAP_SET);
        }
        apply(wanted);
    }
    cap_free(now);
    cap_free(wanted);
}

void privilege_raise(enum privilege what)
{
    cap_t now = cap_get_proc();

    if (now == NULL)
        return;
    for (int i = 0; i < needs[what].count; i++)
        copy_permitted(now, now, needs[what].caps[i], CAP_EFFECTIVE);
    apply(now);
    cap_free(now);
}

void privilege_lower(void)
{
    cap_t now = cap_get_proc();

    if (now == NULL)
        return;
    cap_clear_flag(now, CAP_EFFECTIVE);
    apply(now);
    cap_free(now);
}

bool privilege_is_root(void)
{
    return geteuid() == 0;
}

/* Becoming nobody in particular ---------------------------------------------------------------- */

static bool fail(const char *what)
{
    log_error(&process_log, LOG_EMERG, errno, "%s failed", what);
    return false;
}

static bool switch_user(const struct core_conf *core, bool keep_capabilities)
{
    gid_t gid = core->gid >= 0 ? (gid_t)core->gid : getgid();

    if (geteuid() != 0 || core->uid < 0)
        return true;
    if (keep_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return fail("prctl(PR_SET_KEEPCAPS)");
    if (setgid(gid) != 0)
        return fail("setgid()");
    if (core->user.len > 0 ? initgroups(core->user.data, gid) != 0 : setgroups(0, NULL) != 0)
        return fail("initgroups()");
    if (setuid((uid_t)core->uid) != 0)
        return fail("setuid()");
    return true;
}

static void drop_bounding_set(void)
{
    for (cap_value_t cap = 0; CAP_IS_SUPPORTED(cap); cap++)
        if (cap_get_bound(cap) == 1)
            cap_drop_bound(cap);
}

static bool drop_capabilities(bool but_raw)
{
    cap_t now = cap_get_proc(), left = cap_init();
    bool done;

    if (but_raw && now != NULL && left != NULL) {
        copy_permitted(left, now, CAP_NET_RAW, CAP_PERMITTED);
        copy_permitted(left, now, CAP_NET_RAW, CAP_EFFECTIVE);
    }
    done = left != NULL && cap_set_proc(left) == 0;
    cap_free(now);
    cap_free(left);
    return done || fail("cap_set_proc()");
}

bool privilege_drop(const struct core_conf *core, bool transparent)
{
    privilege_raise(PRIVILEGE_USER);
    drop_bounding_set();
    cap_reset_ambient();
    if (!switch_user(core, transparent) || !drop_capabilities(transparent))
        return false;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail("prctl(PR_SET_NO_NEW_PRIVS)");
    /* Changing the user made us undumpable: a crash should leave its core. */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        log_error(&process_log, LOG_ALERT, errno, "prctl(PR_SET_DUMPABLE) failed");
    return true;
}
