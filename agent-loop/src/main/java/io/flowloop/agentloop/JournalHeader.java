package io.flowloop.agentloop;

import io.flowloop.rollout.PolicySnapshot;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/**
 * The first line of a {@link JournalFile}: what its groups are of. A file with another first line
 * is of another step, policy or run, and none of its groups is.
 *
 * @param step the training step, 1-based
 * @param line ends with a line feed
 */
record JournalHeader(int step, String line) {

  /** Another layout of groups or records is another number. */
  private static final int FORMAT = 1;

  /**
   * The header of a step.
   *
   * @param step the training step, 1-based
   * @param identity of the run, as {@link RunIdentity} has it
   * @param policy what the step is drawn with
   */
  static JournalHeader of(int step, Map<String, String> identity, PolicySnapshot policy) {
    HexFormat hex = HexFormat.of();
    return new JournalHeader(
        step,
        "flowloop journal %d: step %d, policy %d %s, run %s\n"
            .formatted(
                FORMAT,
                step,
                policy.version(),
                hex.toHexDigits(policy.weights().checksum()),
                hex.formatHex(digest(identity, policy.state().base()))));
  }

  /** The base weights count too, as a policy does not have the text encoder. */
  private static byte[] digest(Map<String, String> identity, long base) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      identity.forEach((key, value) -> digest.update(bytes("%s=%s\n".formatted(key, value))));
      return digest.digest(bytes(Long.toString(base)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  byte[] bytes() {
    return bytes(line);
  }
}
