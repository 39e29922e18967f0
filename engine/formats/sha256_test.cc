#include "engine/formats/sha256.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

TEST(Sha256, DigestsAreThoseOfFips180) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("bc");
  EXPECT_EQ(digest.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace foregate
