/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both modes of x86 have in common. */
#ifndef ARCH_X86_H
#define ARCH_X86_H

#include "arch/arch.h"

/* CALL rel32 and JMP rel32; arch->direct_call. */
static inline bool x86_direct_call(const unsigned char code[DIRECT_CALL_SIZE], GElf_Addr address,
				   GElf_Addr *target)
{
	uint32_t operand = code[1] | (uint32_t)code[2] << 8 | (uint32_t)code[3] << 16 |
			   (uint32_t)code[4] << 24;

	*target = address + DIRECT_CALL_SIZE + (GElf_Addr)(int64_t)(int32_t)operand;
	return code[0] == 0xe8 || code[0] == 0xe9;
}

#endif
