// Typed deltas and summaries to wire messages.
#ifndef FOREGATE_SERVER_RPC_RESPONSE_WRITER_H_
#define FOREGATE_SERVER_RPC_RESPONSE_WRITER_H_

#include "server/generation/generation_delta.h"

namespace foregate {

namespace inference::v1 {
class ChatResponse;
class ChatStreamResponse;
class GenerateResponse;
class GenerateStreamResponse;
}  // namespace inference::v1

// `response` must be empty. `summary` is null but for the last message of a stream.
void WriteDelta(GenerationDelta delta, const GenerationSummary* summary,
                inference::v1::GenerateStreamResponse* response);
void WriteDelta(GenerationDelta delta, const GenerationSummary* summary, inference::v1::ChatStreamResponse* response);

void WriteResult(GenerationDelta all, const GenerationSummary& summary, inference::v1::GenerateResponse* response);
void WriteResult(GenerationDelta all, const GenerationSummary& summary, inference::v1::ChatResponse* response);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_RESPONSE_WRITER_H_
