// Roles: who may do what part of the work, as plans that can rotate: every way to give the parts of a cut to devices,
// and each device alone.
//
// Devices of one kind are equal, so a plan only says of which kinds they are: the devices of a kind take its places in
// turn, which spends their batteries alike. A rotation of the single devices can be no better than this one (average it
// over all ways to exchange equal devices), and 64 devices of two kinds make 2^roles plans instead of 64!/(64 -
// roles)!.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "partitioner/problem.h"

namespace cleave {

// More plans than these are thinned.
inline constexpr int kMaxRolePlans = 10'000;

// A cut by its roles, branches first, then the stages in their order.
struct RoleCut {
  std::string name;
  std::vector<std::vector<double>> compute_s;  // [role][kind] seconds of a frame; infinity = it cannot take the role
  double link_s = 0;                           // the longest transfer, whoever the two are
  std::vector<int> stated = {};                // [role] kinds of a plan that is known: never thinned out; may be empty
};

// One way to give the roles of a cut to devices.
struct RolePlan {
  int cut = 0;  // of the cuts given
  std::vector<int> kind_of_role;
  double period_s = 0;
  std::vector<double> joules;  // [kind]: of one frame, all devices of the kind, those out of the plan at standby power
  double frames = 0;           // without rotation: until the first battery is empty; infinity = all on mains
  double awake_frames = 0;     // the same for the devices of the plan alone

  int devices() const { return static_cast<int>(kind_of_role.size()); }
};

struct RolePlans {
  std::vector<RolePlan> plans;  // by cut
  double left_out = 0;          // ways to give out roles that were not looked at, for there were more than the limit
};

// Returns all plans of the cuts (the whole network on one device is a cut of one role). `period_s` > 0: a frame comes
// every so often at best (a fixed rate); else as fast as the longest role or transfer lets it. Where there are more
// than `limit`, cuts with many plans are thinned alike: the kinds whose batteries last longest stay. A cut with more
// roles than there are devices has no plan.
RolePlans assign_roles(std::span<const DeviceKind> kinds, std::span<const RoleCut> cuts, double period_s = 0,
                       int limit = kMaxRolePlans);

// The same for the cuts of a problem, each the positions between its stages (none: the whole on one device), with its
// links, memory and pins. The problem has no shares: those devices are fixed.
RolePlans assign_roles(const Problem& problem, std::span<const std::vector<int>> cuts, double period_s = 0,
                       int limit = kMaxRolePlans);

// Returns the plan that lasts longest without rotation among those of at least `devices` devices; −1 = there is none.
// Ties: fewer devices, then the earlier plan.
int best_static(const RolePlans& plans, int devices = 1);

}  // namespace cleave
