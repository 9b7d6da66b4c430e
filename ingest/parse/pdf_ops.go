package parse

// op is a function of the PDF reader.
type op int

const (
	opMalloc op = iota
	opFree
	opOpen
	opLastError
	opPages
	opMeta
	opFirstChild
	opNextSibling
	opTitle
	opDest
	opDestPage
	opLoadPage
	opClosePage
	opPageBox
	opPageWidth
	opPageHeight
	opCountObjects
	opObject
	opRemove
	opType
	opBounds
	opFillColor
	opFontSize
	opDrawMode
	opLoadText
	opCloseText
	opCountChars
	opText
	opUnicode
	opCharBox
	opLooseBox
	opCharOrigin
	opCharSize
	opBitmap
	opFill
	opRender
	opStride
	opBuffer
	ops
)

// opNames is what fpdfview.h, fpdf_doc.h, fpdf_edit.h and fpdf_text.h call them.
var opNames = [ops]string{
	opMalloc:       "malloc",
	opFree:         "free",
	opOpen:         "FPDF_LoadMemDocument",
	opLastError:    "FPDF_GetLastError",
	opPages:        "FPDF_GetPageCount",
	opMeta:         "FPDF_GetMetaText",
	opFirstChild:   "FPDFBookmark_GetFirstChild",
	opNextSibling:  "FPDFBookmark_GetNextSibling",
	opTitle:        "FPDFBookmark_GetTitle",
	opDest:         "FPDFBookmark_GetDest",
	opDestPage:     "FPDFDest_GetDestPageIndex",
	opLoadPage:     "FPDF_LoadPage",
	opClosePage:    "FPDF_ClosePage",
	opPageBox:      "FPDF_GetPageBoundingBox",
	opPageWidth:    "FPDF_GetPageWidthF",
	opPageHeight:   "FPDF_GetPageHeightF",
	opCountObjects: "FPDFPage_CountObjects",
	opObject:       "FPDFPage_GetObject",
	opRemove:       "FPDFPage_RemoveObject",
	opType:         "FPDFPageObj_GetType",
	opBounds:       "FPDFPageObj_GetBounds",
	opFillColor:    "FPDFPageObj_GetFillColor",
	opFontSize:     "FPDFTextObj_GetFontSize",
	opDrawMode:     "FPDFPath_GetDrawMode",
	opLoadText:     "FPDFText_LoadPage",
	opCloseText:    "FPDFText_ClosePage",
	opCountChars:   "FPDFText_CountChars",
	opText:         "FPDFText_GetText",
	opUnicode:      "FPDFText_GetUnicode",
	opCharBox:      "FPDFText_GetCharBox",
	opLooseBox:     "FPDFText_GetLooseCharBox",
	opCharOrigin:   "FPDFText_GetCharOrigin",
	opCharSize:     "FPDFText_GetFontSize",
	opBitmap:       "FPDFBitmap_CreateEx",
	opFill:         "FPDFBitmap_FillRect",
	opRender:       "FPDF_RenderPageBitmap",
	opStride:       "FPDFBitmap_GetStride",
	opBuffer:       "FPDFBitmap_GetBuffer",
}
