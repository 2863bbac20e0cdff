package io.flowloop.config;

/**
 * One key of a resolved configuration.
 *
 * @param key its full path, such as {@code rollout.n}
 * @param value as HOCON
 * @param origin where it was written: {@code reference}, {@code preset glyph}, {@code my.conf:14}
 *     or {@code command line}
 */
public record Setting(String key, String value, String origin) {

  /** Whether only the reference gives it a value. */
  public boolean isDefault() {
    return origin.equals(SourceReader.REFERENCE_ORIGIN);
  }

  /** Whether it was given as {@code key=value}. */
  public boolean isFromCommandLine() {
    return origin.equals(CommandLine.ORIGIN);
  }
}
