#include "textflag.h"

// func dotAVX2(q *int16, codes *int8, stride, rows int, out *int32)
//
// Four rows at a time share each load of q. Codes are widened to 16 bits, so
// that VPMADDWD multiplies and adds pairs into 32 bits without saturation.
TEXT ·dotAVX2(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), SI
	MOVQ codes+8(FP), R8
	MOVQ stride+16(FP), CX
	MOVQ rows+24(FP), BX
	MOVQ out+32(FP), DX

rows4:
	LEAQ  (R8)(CX*1), R9
	LEAQ  (R9)(CX*1), R10
	LEAQ  (R10)(CX*1), R11
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	XORQ  AX, AX

column:
	VMOVDQU   (SI)(AX*2), Y4
	VPMOVSXBW (R8)(AX*1), Y5
	VPMOVSXBW (R9)(AX*1), Y6
	VPMOVSXBW (R10)(AX*1), Y7
	VPMOVSXBW (R11)(AX*1), Y8
	VPMADDWD  Y4, Y5, Y5
	VPMADDWD  Y4, Y6, Y6
	VPMADDWD  Y4, Y7, Y7
	VPMADDWD  Y4, Y8, Y8
	VPADDD    Y5, Y0, Y0
	VPADDD    Y6, Y1, Y1
	VPADDD    Y7, Y2, Y2
	VPADDD    Y8, Y3, Y3
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       column

	VPHADDD      Y1, Y0, Y0
	VPHADDD      Y3, Y2, Y2
	VPHADDD      Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VMOVDQU      X0, (DX)

	LEAQ (R11)(CX*1), R8
	ADDQ $16, DX
	SUBQ $4, BX
	JG   rows4

	VZEROUPPER
	RET
