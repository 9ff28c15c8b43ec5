/*
 * common/radix.h - networks to values, the longest prefix wins: for lists of any size.
 *
 * Filled at load, then flattened by radix_build into sorted arrays of disjoint ranges: a lookup is
 * one binary search (over a 65536th of a large IPv4 list). Read-only from then on.
 */
#pragma once

#include "common/addr.h"

struct radix;

struct radix *radix_create(struct pool *pool);

/* Adds a network (bits after the prefix are ignored). One that is there already gets the new value;
   returns the old one, else NULL. A NULL value takes the network out again. */
void *radix_add(struct radix *r, const struct addr *network, int prefix, void *value);

/* Adds every address from first to last (both included, of one family) as the networks they make
   up. False if they are out of order or of two families. */
bool radix_add_range(struct radix *r, const struct addr *first, const struct addr *last,
                     void *value);

/* Call once, after the last add and before the first find. */
void radix_build(struct radix *r);

/* NULL when no network has the address. An IPv4 address mapped into IPv6 is looked up as IPv4; unix
   addresses are in no network. */
void *radix_find(const struct radix *r, const struct addr *a);
void *radix_find_v4(const struct radix *r, uint32_t host_order);

/* Networks added so far. */
size_t radix_count(const struct radix *r);
