#include "partitioner/simulate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/reference/reference_simulate.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

// Random numbers of one case.
class Draw {
 public:
  explicit Draw(int seed) : rng_(static_cast<std::uint64_t>(seed), kTestStream, 3) {}
  std::int64_t from(std::int64_t least, std::int64_t most) { return least + rng_.below(most - least + 1); }
  bool one_in(std::int64_t n) { return rng_.below(n) == 0; }
  double seconds(double most) { return most * rng_.uniform(); }
  // In quarters, so that events coincide.
  double quarters(std::int64_t least, std::int64_t most) { return 0.25 * static_cast<double>(from(least, most)); }

 private:
  Rng rng_;
};

// A chain of 1 … 6 stages, behind up to 4 shares in every other case.
SimPlan random_pipeline(Draw& draw) {
  SimPlan plan;
  plan.model = static_cast<SimModel>(draw.from(0, 2));
  const int shares = draw.one_in(2) ? static_cast<int>(draw.from(2, 4)) : 0;
  const int stages = shares + static_cast<int>(draw.from(1, 6));
  const bool coincide = draw.one_in(2);
  for (int i = 0; i < stages; ++i) {
    SimStage stage{.device = std::string(1, static_cast<char>('a' + i))};
    stage.compute_s = coincide ? draw.quarters(1, 8) : draw.seconds(2);
    stage.to = i < shares ? shares : i + 1 < stages ? i + 1 : -1;
    if (stage.to >= 0) stage.send_s = coincide ? draw.quarters(1, 6) : draw.seconds(1.5);
    if (stage.to >= 0 && draw.one_in(3)) stage.lead_s = 0.5 * stage.send_s;
    if ((i < shares || i == 0) && draw.one_in(2)) stage.entry_s = coincide ? draw.quarters(1, 4) : draw.seconds(1);
    const bool at_hand = (i < shares || i == 0) && stage.entry_s <= 0;
    if (at_hand && stage.to >= 0 && draw.one_in(3)) stage.feed_s = coincide ? draw.quarters(1, 4) : draw.seconds(1);
    stage.half_duplex = draw.one_in(2);
    stage.queue = draw.from(1, 4);
    stage.idle_w = draw.quarters(0, 8);
    stage.compute_w = stage.idle_w + draw.quarters(1, 8);
    plan.stages.push_back(stage);
  }
  return plan;
}

SimOptions random_options(Draw& draw, const SimPlan& plan) {
  SimOptions options{.frames = draw.from(1, 25)};
  if (draw.one_in(3)) options.interval_s = full_load_period_s(plan) * draw.quarters(2, 8);
  if (draw.one_in(2)) options.jitter = 0.3;
  return options;
}

void expect_equal(const SimReport& ours, const SimReport& slow) {
  EXPECT_EQ(ours.finish_s, slow.finish_s);
  EXPECT_EQ(ours.done, slow.done);
  EXPECT_EQ(ours.stopped_stage, slow.stopped_stage);
  EXPECT_EQ(ours.stopped_s, slow.stopped_s);
  EXPECT_EQ(ours.lost, slow.lost);
  EXPECT_EQ(ours.held, slow.held);
  for (std::size_t i = 0; i < ours.devices.size(); ++i) {
    EXPECT_EQ(ours.devices[i].queue_max, slow.devices[i].queue_max) << "stage " << i;
    EXPECT_NEAR(ours.devices[i].compute_s, slow.devices[i].compute_s, 1e-9) << "stage " << i;
  }
}

// Runs `check(draw)` for many seeds, and names the seed of the first failure.
template <class Check>
void for_seeds(int count, const Check& check) {
  for (int seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Draw draw(seed);
    check(draw);
  }
}

// A chain of devices a, b, c … that compute and send for so long.
SimPlan chain_of(const std::vector<double>& compute_s, const std::vector<double>& send_s,
                 SimModel model = SimModel::overlapped) {
  SimPlan plan{{}, model};
  for (std::size_t i = 0; i < compute_s.size(); ++i) {
    SimStage stage{.device = std::string(1, static_cast<char>('a' + i)), .compute_s = compute_s[i]};
    stage.idle_w = 1;
    stage.compute_w = 3;
    if (i + 1 < compute_s.size()) {
      stage.to = static_cast<int>(i) + 1;
      stage.send_s = send_s[i];
    }
    plan.stages.push_back(stage);
  }
  return plan;
}

SimPlan with_queues(SimPlan plan, std::int64_t queue) {
  for (SimStage& stage : plan.stages) stage.queue = queue;
  return plan;
}

// A problem of as many kinds as stages and shares, one device each, and the plan that uses them all in order.
struct Planned {
  Problem problem;
  Stages stages;
};

void add_shares(Draw& draw, Problem& problem, int ways, bool alike) {
  const std::size_t kinds = problem.kinds.size();
  Share share;
  for (int i = 0; i < ways; ++i) {
    if (i == 0 || !alike) {
      share.compute_s = draw.seconds(2);
      share.receive_s = draw.one_in(2) ? draw.seconds(1) : 0;
    }
    share.send_s.assign(kinds, i == 0 || !alike ? draw.seconds(0.5) : share.send_s.front());
    share.half_duplex.assign(kinds, draw.one_in(3));
    problem.shares.push_back(share);
  }
  for (double& entry_s : problem.entry_s) {
    entry_s = 0;
    for (const Share& sender : problem.shares) entry_s += sender.send_s.front();
  }
}

Planned random_plan(Draw& draw, const CostModelDef& model, int shares, bool alike) {
  Planned made;
  Problem& problem = made.problem;
  const int kinds = static_cast<int>(draw.from(1, 6));
  problem.model = &model;
  problem.positions = kinds + 1;
  for (std::vector<double>* bytes : {&problem.held_bytes, &problem.in_bytes, &problem.out_bytes, &problem.sent_bytes})
    bytes->assign(at(problem.positions), 0);
  for (int kind = 0; kind < kinds; ++kind) problem.entry_half_duplex.push_back(draw.one_in(3));
  problem.measured_s.resize(at(kinds));
  problem.links.assign(at(kinds), std::vector<LinkCost>(at(kinds)));
  for (int kind = 0; kind < kinds; ++kind) {
    problem.kinds.push_back({.devices = {kind}, .idle_w = 1, .compute_w = 1 + draw.seconds(3)});
    problem.done_s.emplace_back(at(problem.positions));
    for (int position = 1; position < problem.positions; ++position)
      problem.done_s.back()[at(position)] = problem.done_s.back()[at(position - 1)] + draw.seconds(2);
    problem.entry_s.push_back(draw.one_in(2) ? draw.seconds(2) : 0);
    problem.sent_bytes[at(kind)] = draw.seconds(1000);
    for (int other = 0; other < kind; ++other)
      problem.links[at(kind)][at(other)] =
          problem.links[at(other)][at(kind)] = {draw.seconds(0.5), draw.seconds(0.001), draw.one_in(3)};
    made.stages.push_back({kind, kind, kind + 1});
  }
  if (shares > 0) add_shares(draw, problem, shares, alike);
  EXPECT_STREQ(check_problem(problem), "");
  return made;
}

SimStage computing(double seconds, double idle_w, double compute_w) {
  SimStage stage;
  stage.compute_s = seconds;
  stage.idle_w = idle_w;
  stage.compute_w = compute_w;
  return stage;
}

// What the plan means to the simulator.
SimPlan pipeline_of(const Planned& planned) {
  const Problem& problem = planned.problem;
  SimPlan plan{{}, sim_model(*problem.model), problem.model->transfer_costs};
  const int shares = static_cast<int>(problem.shares.size());
  for (const Share& share : problem.shares) {
    SimStage made = computing(share.compute_s, share.idle_w, share.compute_w);
    made.entry_s = share.receive_s;
    made.to = shares;
    made.send_s = share.send_s.front();
    made.half_duplex = is_half_duplex(share, planned.stages.front().kind);
    plan.stages.push_back(made);
  }
  for (std::size_t i = 0; i < planned.stages.size(); ++i) {
    const Stage& stage = planned.stages[i];
    const DeviceKind& kind = problem.kinds[at(stage.kind)];
    SimStage made = computing(compute_s(problem, stage), kind.idle_w, kind.compute_w);
    if (i == 0) made.half_duplex = is_entry_half_duplex(problem, stage.kind);
    if (i == 0 && shares == 0) made.entry_s = problem.entry_s[at(stage.kind)];
    if (i > 0) made.half_duplex = problem.links[at(planned.stages[i - 1].kind)][at(stage.kind)].half_duplex;
    if (i + 1 < planned.stages.size()) {
      const Stage& next = planned.stages[i + 1];
      made.to = shares + static_cast<int>(i) + 1;
      made.send_s = transfer_s(problem, stage.kind, next.kind, next.from);
      made.half_duplex = made.half_duplex || problem.links[at(stage.kind)][at(next.kind)].half_duplex;
    }
    plan.stages.push_back(made);
  }
  return plan;
}

}  // namespace

TEST(Simulate, EqualsTheEventHeap) {
  for_seeds(4000, [](Draw& draw) {
    const SimPlan plan = random_pipeline(draw);
    const SimOptions options = random_options(draw, plan);
    ASSERT_STREQ(check_simulation(plan, options), "");
    expect_equal(simulate(plan, options), reference_simulate(plan, options));
  });
}

TEST(Simulate, EqualsTheEventHeapWhenADeviceFails) {
  for_seeds(6000, [](Draw& draw) {
    const SimPlan plan = random_pipeline(draw);
    SimOptions options = random_options(draw, plan);
    options.fail_stage = static_cast<int>(draw.from(0, static_cast<int>(plan.stages.size()) - 1));
    options.fail_s = draw.quarters(0, 120);
    expect_equal(simulate(plan, options), reference_simulate(plan, options));
  });
}

TEST(Simulate, EqualsTheEventHeapWithBatteries) {
  int empty = 0;
  for_seeds(3000, [&](Draw& draw) {
    SimPlan plan = random_pipeline(draw);
    for (SimStage& stage : plan.stages) stage.battery_j = draw.seconds(300);
    SimOptions options = random_options(draw, plan);
    options.batteries = true;
    const SimReport ours = simulate(plan, options), slow = reference_simulate(plan, options);
    EXPECT_EQ(ours.stopped_stage, slow.stopped_stage);
    EXPECT_NEAR(ours.stopped_s, slow.stopped_s, 1e-9);
    ASSERT_EQ(ours.done, slow.done);
    for (std::size_t i = 0; i < at(ours.done); ++i) EXPECT_NEAR(ours.finish_s[i], slow.finish_s[i], 1e-9);
    empty += ours.end == SimEnd::battery_empty ? 1 : 0;
  });
  EXPECT_GT(empty, 1000);
}

TEST(Simulate, PeriodIsTheLongestBusyTimeWithoutJitter) {
  for_seeds(2000, [](Draw& draw) {
    const SimPlan plan = random_pipeline(draw);
    const double period_s = full_load_period_s(plan);
    EXPECT_NEAR(simulate(plan, {.frames = 400}).period_s, period_s, 0.01 * period_s);
    EXPECT_NEAR(simulate(plan, {.frames = 400, .interval_s = 1.5 * period_s}).period_s, 1.5 * period_s, 1e-9);
  });
}

TEST(Simulate, TransfersThatTakeNoTimeCostNoPeriod) {
  for_seeds(500, [](Draw& draw) {
    SimPlan plan = random_pipeline(draw);
    for (SimStage& stage : plan.stages) {
      if (draw.one_in(3)) stage.send_s = stage.lead_s = 0;
      if (draw.one_in(3)) stage.lead_s = stage.send_s;
    }
    const double period_s = full_load_period_s(plan);
    EXPECT_NEAR(simulate(plan, {.frames = 400}).period_s, period_s, 0.01 * period_s);
  });
}

TEST(Simulate, PeriodIsTheScoresForEveryCostModel) {
  for (const CostModelDef& model : cost_model_catalog())
    for_seeds(700, [&](Draw& draw) {
      const int shares = draw.one_in(2) ? static_cast<int>(draw.from(2, 4)) : 0;
      const Planned planned = random_plan(draw, model, shares, false);
      const Score score = evaluate(planned.problem, planned.stages);
      const SimReport report = simulate(pipeline_of(planned), {.frames = 400});
      EXPECT_NEAR(report.period_s, score.period_s, 0.01 * score.period_s) << model.name;
      EXPECT_NEAR(report.work_joules_per_frame, score.joules, 1e-9 * score.joules) << model.name;
    });
}

TEST(Simulate, LatencyOfALoneFrameIsTheScores) {
  for (const CostModelDef& model : cost_model_catalog())
    for_seeds(700, [&](Draw& draw) {
      const int shares = draw.one_in(2) ? static_cast<int>(draw.from(2, 4)) : 0;
      const Planned planned = random_plan(draw, model, shares, true);
      const Score score = evaluate(planned.problem, planned.stages);
      const SimReport report = simulate(pipeline_of(planned), {.frames = 1});
      EXPECT_NEAR(report.latency_p50_s, score.latency_s, 1e-9 * score.latency_s) << model.name;
    });
}

TEST(Simulate, LatencyOfALoneFrameIsNoLongerThanTheScoresWhenSharesDiffer) {
  for_seeds(700, [&](Draw& draw) {
    const Planned planned = random_plan(draw, cost_model_catalog()[0], 3, false);
    const Score score = evaluate(planned.problem, planned.stages);
    EXPECT_LE(simulate(pipeline_of(planned), {.frames = 1}).latency_p50_s, score.latency_s * (1 + 1e-12));
  });
}

TEST(Simulate, FramesUntilABatteryIsEmptyAreTheScores) {
  for_seeds(300, [&](Draw& draw) {
    Planned planned = random_plan(draw, cost_model_catalog()[0], 0, false);
    for (DeviceKind& kind : planned.problem.kinds) kind.battery_j = 1000 + draw.seconds(1000);
    SimPlan plan = pipeline_of(planned);
    for (std::size_t i = 0; i < plan.stages.size(); ++i) plan.stages[i].battery_j = planned.problem.kinds[i].battery_j;
    const double frames = evaluate(planned.problem, planned.stages).frames;
    const SimReport report = simulate(plan, {.frames = 100'000, .batteries = true});
    EXPECT_EQ(report.end, SimEnd::battery_empty);
    EXPECT_NEAR(static_cast<double>(report.done), frames, 30 + 0.01 * frames);
    EXPECT_NEAR(report.devices[at(report.stopped_stage)].joules, plan.stages[at(report.stopped_stage)].battery_j, 1e-6);
  });
}

TEST(Simulate, SendsFramesOfTwoStagesWhenTheyAreReady) {
  // a computes 0–2, 2–4, 4–6; sends 2–3, 4–5, 6–7; b computes 3–6, 6–9, 9–12.
  const SimReport report = simulate(chain_of({2, 3}, {1}), {.frames = 3});
  EXPECT_EQ(report.finish_s, (std::vector<double>{6, 9, 12}));
  EXPECT_EQ(report.latency_p50_s, 7);
  EXPECT_EQ(report.latency_p99_s, 8);
  EXPECT_EQ(report.end, SimEnd::all_frames);
}

TEST(Simulate, DoesOneThingAtATimeWhenSummed) {
  // a: compute 0–2, send 2–3, compute 3–5 …; b: receive 2–3, compute 3–6, then receive 6–7.
  const SimReport report = simulate(chain_of({2, 3}, {1}, SimModel::summed), {.frames = 3});
  EXPECT_EQ(report.finish_s, (std::vector<double>{6, 10, 14}));
  EXPECT_EQ(report.devices[0].blocked_s, 2);
}

TEST(Simulate, StagesWaitWhenTheNextQueueIsFull) {
  const SimReport report = simulate(with_queues(chain_of({1, 10}, {1}), 2), {.frames = 50});
  EXPECT_EQ(report.devices[1].queue_max, 2);
  EXPECT_NEAR(report.period_s, 10, 1e-12);
  EXPECT_GT(report.devices[0].blocked_s / report.end_s, 0.8);
  EXPECT_LT(report.devices[1].starved_s / report.end_s, 0.01);
}

TEST(Simulate, LongerQueuesNeverDelayAFrame) {
  for_seeds(500, [](Draw& draw) {
    const SimPlan plan = random_pipeline(draw);
    const SimOptions options = random_options(draw, plan);
    const SimReport few = simulate(with_queues(plan, 1), options), many = simulate(with_queues(plan, 9), options);
    for (std::size_t i = 0; i < few.finish_s.size(); ++i) EXPECT_LE(many.finish_s[i], few.finish_s[i]);
  });
}

TEST(Simulate, TimesOfADeviceAddUpToTheRun) {
  for_seeds(500, [](Draw& draw) {
    const SimPlan plan = random_pipeline(draw);
    const SimReport report = simulate(plan, random_options(draw, plan));
    for (const SimDevice& device : report.devices) {
      double sum_s = device.compute_s + device.blocked_s + device.starved_s;
      if (plan.model != SimModel::overlapped) sum_s += device.send_s;
      if (plan.model == SimModel::summed) sum_s += device.receive_s;
      EXPECT_NEAR(sum_s, report.end_s, 1e-9);
    }
  });
}

TEST(Simulate, AFailingDeviceLosesWhatItHoldsAndStopsThoseBeforeIt) {
  // b fails at 25 s with frame 2 in hand and two more waiting; a has frame 5 and cannot send it.
  const SimReport report =
      simulate(with_queues(chain_of({1, 10, 1}, {1, 1}), 2), {.frames = 50, .fail_stage = 1, .fail_s = 25});
  EXPECT_EQ(report.end, SimEnd::device_failed);
  EXPECT_EQ(report.done, 2);
  EXPECT_EQ(report.lost, 3);
  EXPECT_EQ(report.held, 1);
  EXPECT_EQ(report.devices[0].blocked_s, 8 + 9 + 2);
}

TEST(Simulate, FramesPastAFailedDeviceAreFinished) {
  const SimReport report = simulate(chain_of({1, 1, 8}, {1, 1}), {.frames = 50, .fail_stage = 0, .fail_s = 7.5});
  EXPECT_EQ(report.done, 6);
  EXPECT_EQ(report.done_after_stop, 6);
  EXPECT_EQ(report.lost, 2);
  EXPECT_EQ(report.held, 0);
}

TEST(Simulate, AFailureAfterTheLastFrameIsNone) {
  const SimReport report = simulate(chain_of({1, 1}, {1}), {.frames = 5, .fail_stage = 0, .fail_s = 1000});
  EXPECT_EQ(report.end, SimEnd::all_frames);
  EXPECT_EQ(report.stopped_stage, -1);
}

TEST(Simulate, AnOverloadedSourceFallsBehind) {
  const SimReport report = simulate(chain_of({2, 1}, {1}), {.frames = 100, .interval_s = 1});
  EXPECT_NEAR(report.period_s, 2, 1e-12);
  EXPECT_EQ(report.source_max, 49);
  EXPECT_EQ(simulate(chain_of({2, 1}, {1}), {.frames = 100, .interval_s = 3}).source_max, 0);
}

TEST(Simulate, JitterIsLognormalWithMeanOne) {
  Jitter jitter(0.3, 7, 2, SimActivity::send);
  double sum = 0, squares = 0, logs = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const double factor = jitter.next();
    sum += factor / kDraws;
    squares += factor * factor / kDraws;
    logs += std::log(factor) / kDraws;
  }
  EXPECT_NEAR(sum, 1, 0.003);
  EXPECT_NEAR(std::sqrt(squares - sum * sum), 0.3, 0.003);
  EXPECT_NEAR(logs, -std::log1p(0.09) / 2, 0.003);
}

TEST(Simulate, JitterCostsRateAndAQueueBuysItBack) {
  const SimPlan plan = chain_of({1, 1, 1, 1}, {0.1, 0.1, 0.1});
  const double tight_s = simulate(with_queues(plan, 1), {.frames = 20'000, .jitter = 0.5}).period_s;
  const double roomy_s = simulate(with_queues(plan, 50), {.frames = 20'000, .jitter = 0.5}).period_s;
  EXPECT_GT(tight_s, 1.1);
  EXPECT_NEAR(roomy_s, 1, 0.03);
}

TEST(Simulate, IsAFunctionOfItsSeed) {
  const SimPlan plan = chain_of({1, 1, 1}, {1, 1});
  const auto finish = [&](std::uint64_t seed) {
    return simulate(plan, {.frames = 50, .jitter = 0.2, .seed = seed}).finish_s;
  };
  EXPECT_EQ(finish(3), finish(3));
  EXPECT_NE(finish(3), finish(4));
}

TEST(Simulate, KnowsEveryCostModel) {
  for (const CostModelDef& model : cost_model_catalog()) EXPECT_NO_THROW(sim_model(model)) << model.name;
  CostModelDef other = cost_model_catalog()[0];
  other.name = "another";
  EXPECT_THROW(sim_model(other), UserError);
}

TEST(Simulate, WindowsRecordAllThatGoesOnInThem) {
  SimOptions options{.frames = 20, .windows = {{"", 10, 20}}};
  const SimReport report = simulate(chain_of({2, 3}, {1}), options);
  double compute_s = 0;
  for (const SimSpan& span : report.spans) {
    EXPECT_TRUE(span.end_s >= 10 && span.start_s < 20);
    if (span.stage == 1 && span.activity == SimActivity::compute)
      compute_s += std::min(span.end_s, 20.0) - std::max(span.start_s, 10.0);
  }
  EXPECT_NEAR(compute_s, 10, 1e-12);  // b is the slowest: always busy
}

namespace {

// Devices a, b, c; a and b are two shares of the head, c runs the tail; b's link to c is half duplex.
Plan split_plan() {
  Plan plan;
  for (int i = 0; i < 3; ++i) {
    PlanStage stage;
    stage.device = i;
    stage.share = i < 2 ? i : -1;
    stage.compute_s = {1.0 + i, false};
    plan.stages.push_back(stage);
  }
  const auto cut = [](int from, int to, double seconds) {
    PlanCut made;
    made.from = from;
    made.to = to;
    made.seconds = {seconds, false};
    return made;
  };
  plan.cuts = {cut(-1, 0, 0.25), cut(0, 2, 0.5), cut(1, 2, 0.75)};
  return plan;
}

Swarm three_devices() {
  Swarm swarm;
  for (const char* name : {"a", "b", "c"}) {
    Device device;
    device.name = name;
    device.idle_w = {1, false};
    device.compute_w = {3, false};
    device.battery_j = 50;
    swarm.devices.push_back(device);
  }
  swarm.links.assign(3, std::vector<Link>(3));
  swarm.links[1][2].half_duplex = swarm.links[2][1].half_duplex = true;
  return swarm;
}

}  // namespace

TEST(SimPlanOfAPlan, TakesTimesFromStagesAndCuts) {
  const SimPlan plan = sim_plan(split_plan(), three_devices(), cost_model_catalog()[2], 3);
  ASSERT_STREQ(check_simulation(plan, {}), "");
  EXPECT_EQ(plan.model, SimModel::gacoin);
  EXPECT_TRUE(plan.transfer_costs);
  const SimStage& b = plan.stages[1];
  EXPECT_EQ(std::vector<double>({plan.stages[0].entry_s, b.entry_s, b.compute_s, b.send_s, b.battery_j, b.compute_w}),
            std::vector<double>({0.25, 0, 2, 0.75, 50, 3}));
  EXPECT_EQ(plan.stages[0].to, 2);
  EXPECT_EQ(b.to, 2);
  EXPECT_EQ(b.queue, 3);
  EXPECT_FALSE(plan.stages[0].half_duplex);
  EXPECT_TRUE(b.half_duplex && plan.stages[2].half_duplex);
}

TEST(SimPlanOfAPlan, CopiesOfTheInputComeOneAfterTheOther) {
  Plan planned = split_plan();
  PlanCut copy = planned.cuts.front();
  copy.to = 1;
  copy.latency_s = planned.cuts.front().latency_s = 0.125;
  planned.cuts.push_back(copy);
  const SimPlan plan = sim_plan(planned, three_devices(), cost_model_catalog()[0], 3);
  EXPECT_EQ(plan.stages[0].entry_s, 0.125 + 2 * 0.125);
  EXPECT_EQ(plan.stages[1].entry_s, plan.stages[0].entry_s);
}

TEST(SimPlanOfAPlan, AShareThatHoldsTheInputFeedsTheOthers) {
  Swarm swarm = three_devices();
  swarm.source = 1;
  const SimPlan plan = sim_plan(split_plan(), swarm, cost_model_catalog()[0], 3);
  ASSERT_STREQ(check_simulation(plan, {}), "");
  EXPECT_EQ(plan.stages[1].feed_s, 0.25);
  EXPECT_EQ(busy_s(plan, 1), 2);
  EXPECT_EQ(busy_s(sim_plan(split_plan(), swarm, cost_model_catalog()[2], 3), 1), 2 + 0.75 + 0.25);
}

TEST(SimPlanOfAPlan, IsCheckedForMistakes) {
  SimPlan plan = chain_of({1, 1}, {1});
  EXPECT_STRNE(check_simulation(plan, {.frames = 0}), "");
  EXPECT_STRNE(check_simulation(plan, {.fail_stage = 2}), "");
  EXPECT_STRNE(check_simulation({}, {}), "");
  plan.stages[1].entry_s = 1;
  EXPECT_STRNE(check_simulation(plan, {}), "");
  plan = chain_of({1, kInfinity}, {1});
  EXPECT_STRNE(check_simulation(plan, {}), "");
  plan = with_queues(chain_of({1, 1}, {1}), 0);
  EXPECT_STRNE(check_simulation(plan, {}), "");
}

}  // namespace cleave
