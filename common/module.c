/*
 * common/module.c - numbering the modules.
 */
#include "common/module.h"

uint32_t module_count;

uint32_t modules_number(void)
{
    for (module_count = 0; modules[module_count] != NULL; module_count++)
        if (modules[module_count]->index != NULL)
            *modules[module_count]->index = module_count;
    return module_count;
}
