#include "engine/formats/gguf/tensor_type.h"

#include <span>

#include "kernels/base/check.h"

namespace foregate {
namespace {

struct TypeFacts {
  uint32_t id;
  const char* name;
  GgufBlockSize size;  // zero for types that cannot be read
};

constexpr TypeFacts kTypes[] = {
    {0, "F32", {1, 4}},       {1, "F16", {1, 2}},    {2, "Q4_0", {32, 18}},    {3, "Q4_1", {32, 20}},
    {6, "Q5_0", {32, 22}},    {7, "Q5_1", {32, 24}}, {8, "Q8_0", {32, 34}},    {9, "Q8_1", {}},
    {10, "Q2_K", {}},         {11, "Q3_K", {}},      {12, "Q4_K", {256, 144}}, {13, "Q5_K", {256, 176}},
    {14, "Q6_K", {256, 210}}, {15, "Q8_K", {}},      {16, "IQ2_XXS", {}},      {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},      {19, "IQ1_S", {}},     {20, "IQ4_NL", {32, 18}}, {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},        {23, "IQ4_XS", {}},    {24, "I8", {}},           {25, "I16", {}},
    {26, "I32", {}},          {27, "I64", {}},       {28, "F64", {}},          {29, "IQ1_M", {}},
    {30, "BF16", {1, 2}},     {34, "TQ1_0", {}},     {35, "TQ2_0", {}},        {39, "MXFP4", {32, 17}},
    {40, "NVFP4", {}},        {41, "Q1_0", {}},
};

const TypeFacts* Find(uint32_t id) {
  for (const TypeFacts& type : kTypes) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

}  // namespace

bool IsReadableGgufType(uint32_t id) {
  const TypeFacts* type = Find(id);
  return type != nullptr && type->size.block_elements != 0;
}

const char* GgufTypeName(uint32_t id) {
  const TypeFacts* type = Find(id);
  return type == nullptr ? nullptr : type->name;
}

GgufBlockSize BlockSizeOf(GgufTensorType type) {
  const TypeFacts* facts = Find(static_cast<uint32_t>(type));
  FOREGATE_CHECK(facts != nullptr);
  return facts->size;
}

}  // namespace foregate
