// LiveRequests: the ids that an engine is working on, so that a drain can cancel what its time limit leaves over.
//
// Thread-safe.
#ifndef FOREGATE_SERVER_LIFECYCLE_LIVE_REQUESTS_H_
#define FOREGATE_SERVER_LIFECYCLE_LIVE_REQUESTS_H_

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace foregate {

class LiveRequests {
 public:
  // False when the id is live already.
  bool Add(const std::string& id);
  void Remove(const std::string& id);
  std::vector<std::string> ids() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> ids_;  // guarded by mutex_
};

// An engine that keeps `live` true and passes everything on. `live` outlives the engine and its sinks.
std::unique_ptr<Engine> TrackRequests(std::unique_ptr<Engine> engine, LiveRequests* live);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_LIVE_REQUESTS_H_
