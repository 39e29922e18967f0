// Places and whole units of text, spelled in the terms of RegexNode.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ASSERTION_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ASSERTION_H_

#include "server/text/tokenizer/regex_node.h"

namespace foregate {

RegexNodePtr LineBegin();                                               // ^
RegexNodePtr LineEnd();                                                 // $
RegexNodePtr TextEndOrLastNewline();                                    // \Z
RegexNodePtr WordBoundary(const CodePointSet& word, bool at_boundary);  // \b, \B
RegexNodePtr GeneralNewline();                                          // \R
// \X: an extended grapheme cluster. Where it starts is taken for the beginning of one.
RegexNodePtr GraphemeCluster();

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ASSERTION_H_
