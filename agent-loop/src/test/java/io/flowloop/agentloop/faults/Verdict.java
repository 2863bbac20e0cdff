package io.flowloop.agentloop.faults;

import java.time.Duration;

/**
 * What a {@link FaultTrainer} counted.
 *
 * @param wrongRewards rewards that are not those of their images
 * @param samples a hash of all images, in the order of their rows
 */
record Verdict(
    int expected,
    int done,
    int countedTwice,
    int wrongRewards,
    int leases,
    int retries,
    int late,
    String samples) {

  /** The verdict in a trainer's last line. */
  static Verdict parse(String line) {
    String[] words = line.split(" ", -1);
    return new Verdict(
        Integer.parseInt(words[1]),
        Integer.parseInt(words[2]),
        Integer.parseInt(words[3]),
        Integer.parseInt(words[4]),
        Integer.parseInt(words[5]),
        Integer.parseInt(words[6]),
        Integer.parseInt(words[7]),
        words[8]);
  }

  FaultRow row(int number, String fault, String how, Duration recovery) {
    return new FaultRow(number, fault, how, expected, done, countedTwice, leases, recovery);
  }
}
