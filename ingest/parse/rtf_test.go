package parse_test

import "testing"

func TestGoldenRTF(t *testing.T) {
	t.Parallel()
	const doc = `{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial Cyr;}}{\colortbl;\red255\green0\blue0;}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\*\cs10 Char;}{\s7\sbasedon1 Heading 2;}}
{\info{\title Travel {\b rules}}{\author nobody}}{\header\pard Page \chpgn\par}
\pard\s1 Scope\par
\pard For all st\'e4ff \u8364? 5 \{net\}.{\v hidden} {\deleted gone}{\fs2 tiny}Next\~one\par
\pard\s7 Rail\par
\pard{\f1\'cf\'f0\'e8\'e2\'e5\'f2} and \u-10179?\u-8704?{\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt a link}}\line second line{\*\annotation comment}\par
\trowd\cellx100\cellx200\pard\intbl City\cell Night\cell\row
\trowd\pard\intbl Bonn\par am Rhein\cell 90\cell\row
\pard After{\pict\bin5 }}}}}}the table.{\footnote Note.}\par}`
	golden(t, "travel.rtf", read(t, "travel.rtf", "", []byte(doc)))
}
