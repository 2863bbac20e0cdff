package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.RolloutListener;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.ToyEngines;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A process that is the trainer of a cluster, and counts: it draws step after step on the nodes
 * that join, says so, and at the end what became of samples and leases.
 *
 * <p>Arguments: steps, or seconds as {@code 60s}; milliseconds that a reward takes; and settings,
 * {@code http.port} among them.
 */
final class FaultTrainer {

  /** Its last line, for {@link Verdict}. */
  static final String VERDICT = "verdict";

  private FaultTrainer() {}

  public static void main(String[] args) throws Exception {
    long begun = System.nanoTime();
    IntPredicate goesOn = goesOn(args[0], begun);
    PacedReward reward = new PacedReward(Duration.ofMillis(Long.parseLong(args[1])));
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(Arrays.copyOfRange(args, 2, args.length)), FlowLoop.knownNames())
            .config();
    int expected = 0;
    int done = 0;
    int twice = 0;
    int wrong = 0;
    long hash = 1;
    try (FlowLoop loop =
        FlowLoop.builder(config)
            .engines(
                _ -> {
                  throw new IllegalStateException("no engine on the trainer");
                })
            .promptCheck(_ -> {})
            .ownRewardsOnly()
            .rewardFunction(reward, 1)
            .build()) {
      for (int step = 0; goesOn.test(step); step++) {
        List<String> prompts = prompts(config.data().promptsPerStep(), step);
        expected += prompts.size() * config.rollout().n();
        RolloutBatch batch = loop.rollout(prompts, step, RolloutListener.NONE);
        Set<Integer> rows = new HashSet<>();
        for (RewardedSample sample : batch.samples()) {
          rows.add(sample.row().index());
          hash = 31 * hash + Arrays.hashCode(sample.sample().image().rgb());
          wrong += isRewardOfItsImage(sample) ? 0 : 1;
        }
        done += rows.size();
        twice += batch.samples().size() - rows.size();
        System.out.println("step " + (step + 1));
      }
      Map<String, Integer> metrics = metricsAtTheEnd(config.http().port().orElseThrow());
      System.out.printf(
          "%s %d %d %d %d %d %d %d %x%n",
          VERDICT,
          expected,
          done,
          twice,
          wrong,
          leases(metrics),
          sum(metrics, "flowloop_requests_retried"),
          sum(metrics, "flowloop_results_late"),
          hash);
    }
  }

  /** Whoever scored it, in whatever process. */
  private static boolean isRewardOfItsImage(RewardedSample sample) {
    return sample
        .reward()
        .equals(ToyEngines.brightness(sample.row().prompt(), sample.sample().image()));
  }

  private static IntPredicate goesOn(String steps, long begun) {
    if (steps.endsWith("s")) {
      Duration time = Duration.ofSeconds(Long.parseLong(steps.substring(0, steps.length() - 1)));
      return _ -> System.nanoTime() - begun < time.toNanos();
    }
    int count = Integer.parseInt(steps);
    return step -> step < count;
  }

  private static List<String> prompts(int count, int step) {
    return IntStream.range(0, count).mapToObj(i -> "prompt %d of %d".formatted(i, step)).toList();
  }

  /** The figures when no lease is left, or after a minute; a hung engine's end with its time. */
  private static Map<String, Integer> metricsAtTheEnd(int port)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    Map<String, Integer> metrics = metrics(port);
    while (leases(metrics) > 0 && System.nanoTime() < end) {
      LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
      metrics = metrics(port);
    }
    return metrics;
  }

  private static Map<String, Integer> metrics(int port) throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      String text =
          client
              .send(
                  HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/metrics".formatted(port)))
                      .build(),
                  HttpResponse.BodyHandlers.ofString())
              .body();
      Map<String, Integer> metrics = new TreeMap<>();
      text.lines()
          .filter(line -> line.startsWith("flowloop_"))
          .forEach(
              line -> {
                int space = line.lastIndexOf(' ');
                metrics.put(
                    line.substring(0, space), (int) Double.parseDouble(line.substring(space + 1)));
              });
      return metrics;
    }
  }

  /** Requests that an engine has, and portions of images that somebody scores or is to score. */
  private static int leases(Map<String, Integer> metrics) {
    return sum(metrics, "flowloop_leases")
        + sum(metrics, "flowloop_rewards_busy")
        + sum(metrics, "flowloop_rewards_waiting");
  }

  private static int sum(Map<String, Integer> metrics, String series) {
    return metrics.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith(series))
        .mapToInt(Map.Entry::getValue)
        .sum();
  }
}
