#include "engine/moe/replay/virtual_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace foregate {
namespace {

// Gives room to all but those that are shut out, and notes when experts arrive.
class Room : public ReadRoom {
 public:
  bool TakeRoom(size_t expert, ReadClass /*read_class*/) override { return !shut_out.contains(expert); }
  void Arrive(size_t expert) override { arrived.push_back(expert); }

  std::set<size_t> shut_out;
  std::vector<size_t> arrived;
};

// 100 bytes take 1 s.
VirtualDisk::Options Plain() { return {.bytes_per_second = 100}; }

TEST(VirtualDisk, MostUrgentFirstThenAsTheyCame) {
  Room room;
  VirtualDisk disk(Plain(), room);
  disk.Enqueue(1, ReadClass::kSpeculative, 100);
  disk.Enqueue(2, ReadClass::kCommitted, 100);
  disk.Enqueue(3, ReadClass::kDemand, 100);
  disk.Enqueue(4, ReadClass::kDemand, 100);
  disk.AdvanceTo(3.5);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{3, 4, 2}));
  disk.AdvanceTo(4);
  EXPECT_EQ(room.arrived.size(), 4u);
  EXPECT_EQ(disk.bytes(), (std::array<uint64_t, 3>{200, 100, 100}));
  EXPECT_EQ(disk.busy_seconds(), 4);
}

TEST(VirtualDisk, RequestsAreCutAndDemandGoesBetweenThem) {
  Room room;
  VirtualDisk disk({.bytes_per_second = 100, .request_seconds = 0.5, .request_bytes = 50}, room);
  disk.Enqueue(1, ReadClass::kSpeculative, 120);  // 3 requests: 1, 1, 0.7 s
  disk.AdvanceTo(0.2);
  EXPECT_EQ(disk.begun_bytes(1), 50u);
  disk.Enqueue(2, ReadClass::kDemand, 50);
  EXPECT_TRUE(disk.AdvanceToArrival());
  EXPECT_EQ(room.arrived, (std::vector<size_t>{2}));
  EXPECT_DOUBLE_EQ(disk.now(), 2);
  EXPECT_TRUE(disk.AdvanceToArrival());
  EXPECT_DOUBLE_EQ(disk.now(), 3.7);
  EXPECT_FALSE(disk.AdvanceToArrival());
}

// What was handed over is served before a demand that comes later: that is what the bound is for.
TEST(VirtualDisk, BytesInFlightAreBounded) {
  for (const uint64_t in_flight : {0, 200, 300}) {
    Room room;
    VirtualDisk disk({.bytes_per_second = 100, .in_flight_bytes = in_flight}, room);
    for (size_t expert = 1; expert <= 5; ++expert) disk.Enqueue(expert, ReadClass::kSpeculative, 100);
    disk.AdvanceTo(0.1);
    disk.Enqueue(9, ReadClass::kDemand, 100);
    while (room.arrived.empty() || room.arrived.back() != 9) ASSERT_TRUE(disk.AdvanceToArrival());
    EXPECT_DOUBLE_EQ(disk.now(), 1 + std::max<double>(1, static_cast<double>(in_flight) / 100)) << in_flight;
  }
}

TEST(VirtualDisk, GuessesInFlightAreBoundedApart) {
  Room room;
  VirtualDisk disk({.bytes_per_second = 100, .in_flight_bytes = 400, .guessed_in_flight_bytes = 200}, room);
  for (size_t expert = 1; expert <= 5; ++expert) disk.Enqueue(expert, ReadClass::kSpeculative, 100);
  disk.AdvanceTo(0.1);
  EXPECT_EQ(disk.bytes()[2], 200u);
  for (size_t expert = 6; expert <= 9; ++expert) disk.Enqueue(expert, ReadClass::kDemand, 100);
  disk.AdvanceTo(0.2);
  EXPECT_EQ(disk.bytes()[0], 200u);
  disk.AdvanceTo(20);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{1, 2, 6, 7, 8, 9, 3, 4, 5}));
}

TEST(VirtualDisk, OnlyWhatHasNotBegunIsCancelled) {
  Room room;
  VirtualDisk disk(Plain(), room);
  disk.Enqueue(1, ReadClass::kSpeculative, 100);
  disk.Enqueue(2, ReadClass::kSpeculative, 100);
  disk.AdvanceTo(0.5);
  EXPECT_FALSE(disk.Cancel(1));
  EXPECT_TRUE(disk.Cancel(2));
  EXPECT_FALSE(disk.Cancel(2));
  disk.AdvanceTo(9);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{1}));
  EXPECT_EQ(disk.bytes()[2], 100u);
}

TEST(VirtualDisk, ARaisedReadGoesFirst) {
  Room room;
  VirtualDisk disk(Plain(), room);
  disk.Enqueue(1, ReadClass::kSpeculative, 100);
  disk.Enqueue(2, ReadClass::kSpeculative, 100);
  EXPECT_TRUE(disk.Raise(2, ReadClass::kDemand));
  EXPECT_TRUE(disk.Raise(2, ReadClass::kSpeculative));  // never less urgent
  EXPECT_FALSE(disk.Raise(3, ReadClass::kDemand));
  disk.AdvanceTo(2);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{2, 1}));
  EXPECT_EQ(disk.bytes()[0], 100u);
}

TEST(VirtualDisk, WithoutRoomDemandsWaitAndGuessesAreForgotten) {
  Room room;
  room.shut_out = {1, 2};
  VirtualDisk disk(Plain(), room);
  disk.Enqueue(1, ReadClass::kDemand, 100);
  disk.Enqueue(2, ReadClass::kSpeculative, 100);
  disk.Enqueue(3, ReadClass::kSpeculative, 100);
  disk.AdvanceTo(1);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{3}));
  room.shut_out.clear();
  disk.AdvanceTo(9);
  EXPECT_EQ(room.arrived, (std::vector<size_t>{3, 1}));
}

}  // namespace
}  // namespace foregate
