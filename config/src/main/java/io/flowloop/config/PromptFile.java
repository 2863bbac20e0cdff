package io.flowloop.config;

import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * The prompts of a UTF-8 text: one a line; blank lines and lines that start with {@code #} are
 * comments, blanks around a prompt are dropped.
 *
 * @param location the path, or {@code classpath:} and the resource, that the lines come from
 * @param lines the prompts in the order of the text, at least one
 */
public record PromptFile(String location, List<Line> lines) {

  private static final String CLASSPATH = "classpath:";

  private static final int MOST_BYTES = 1 << 26;
  private static final int LONGEST = 10_000;

  /**
   * One prompt.
   *
   * @param number of its line, from 1
   * @param prompt its text
   */
  public record Line(int number, String prompt) {}

  /**
   * @throws IllegalArgumentException if there is no line
   */
  public PromptFile {
    lines = List.copyOf(lines);
    if (lines.isEmpty()) {
      throw new IllegalArgumentException("lines: [] (expected: at least one prompt)");
    }
  }

  /**
   * Reads a file, or with {@code classpath:} before its name a resource of the thread's context
   * class loader.
   *
   * @throws IOException if it is missing, no file, not readable, larger than 64 MiB, not UTF-8 or
   *     holds no prompt, or one with control characters or more than 10,000 characters; the message
   *     names the location and, where there is one, the line
   */
  public static PromptFile read(String location) throws IOException {
    String text = text(location).replaceFirst("^\uFEFF", "");
    List<String> all = text.lines().map(String::strip).toList();
    List<Line> prompts = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      if (!all.get(i).isEmpty() && !all.get(i).startsWith("#")) {
        prompts.add(checked(location, new Line(i + 1, all.get(i))));
      }
    }
    if (prompts.isEmpty()) {
      throw new IOException(location + " holds no prompt, only blank lines and # comments");
    }
    return new PromptFile(location, prompts);
  }

  /** Prompts go into logs, reports and pictures, which a terminal or a browser shows. */
  private static Line checked(String location, Line line) throws IOException {
    String at = location + ":" + line.number();
    if (line.prompt().length() > LONGEST) {
      throw new IOException(at + " has more than " + LONGEST + " characters");
    }
    OptionalInt control =
        line.prompt().chars().filter(c -> c != '\t' && Character.isISOControl(c)).findFirst();
    if (control.isPresent()) {
      throw new IOException(
          at
              + " has the control character "
              + Printable.of(Character.toString(control.getAsInt())));
    }
    return line;
  }

  /** The prompts without their line numbers. */
  public List<String> prompts() {
    return lines.stream().map(Line::prompt).toList();
  }

  private static String text(String location) throws IOException {
    if (!location.startsWith(CLASSPATH)) {
      return TextFile.read(location, path(location), MOST_BYTES);
    }
    URL url =
        Resources.find(location.substring(CLASSPATH.length())).orElseThrow(() -> missing(location));
    // A folder opens as well, and reads as the names of its files.
    return url.getProtocol().equals("file")
        ? TextFile.read(location, Path.of(URI.create(url.toString())), MOST_BYTES)
        : TextFile.read(location, url::openStream, MOST_BYTES);
  }

  private static Path path(String location) throws IOException {
    try {
      return Path.of(location);
    } catch (InvalidPathException e) {
      throw missing(location);
    }
  }

  private static IOException missing(String location) {
    return new IOException(location + " does not exist");
  }
}
