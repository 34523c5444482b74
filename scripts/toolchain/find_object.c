/* SPDX-License-Identifier: MPL-2.0
 *
 * Debian's unwinder (libgcc_eh.a) asks the C library which loaded object a code address belongs to
 * through _dl_find_object, which glibc has since 2.35 and musl has not. This answers the question
 * with dl_iterate_phdr, which both have. The structure is part of glibc's ABI (dlfcn.h).
 */
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <stddef.h>

struct dl_find_object {
	unsigned long long dlfo_flags;
	void *dlfo_map_start;
	void *dlfo_map_end;
	struct link_map *dlfo_link_map;
	void *dlfo_eh_frame;
	unsigned long long dlfo_reserved[7];
};

struct question {
	ElfW(Addr) address;
	struct dl_find_object *answer;
};

/* Returns 1, which ends the walk, at the object that holds the address and has unwind tables. */
static int look_at(struct dl_phdr_info *object, size_t size, void *argument)
{
	struct question *question = argument;
	ElfW(Addr) start = 0, end = 0, tables = 0;

	(void)size;
	for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		ElfW(Addr) from = object->dlpi_addr + header->p_vaddr;
		ElfW(Addr) to = from + header->p_memsz;

		if (header->p_type == PT_GNU_EH_FRAME)
			tables = from;
		if (header->p_type == PT_LOAD && question->address >= from && question->address < to) {
			start = from;
			end = to;
		}
	}
	if (end == 0 || tables == 0)
		return 0;
	question->answer->dlfo_flags = 0;
	question->answer->dlfo_map_start = (void *)start;
	question->answer->dlfo_map_end = (void *)end;
	question->answer->dlfo_link_map = NULL;
	question->answer->dlfo_eh_frame = (void *)tables;
	return 1;
}

int _dl_find_object(void *address, struct dl_find_object *answer)
{
	struct question question = { (ElfW(Addr))address, answer };

	return dl_iterate_phdr(look_at, &question) == 1 ? 0 : -1;
}

/* The unwinder names these weakly, and a static link leaves weak names unresolved (null) unless
 * something else asks for them. */
static void *const wanted[] __attribute__((used)) = {
	pthread_once,         pthread_key_create,  pthread_getspecific,
	pthread_setspecific,  pthread_mutex_lock,  pthread_mutex_unlock,
};
