package io.flowloop.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The prompts of a UTF-8 text: one a line; blank lines and lines that start with {@code #} are
 * comments, blanks around a prompt are dropped.
 *
 * @param location the path, or {@code classpath:} and the resource, that the lines come from
 * @param lines the prompts in the order of the text, at least one
 */
public record PromptFile(String location, List<Line> lines) {

  private static final String CLASSPATH = "classpath:";

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
   * @throws IOException if it is missing, not readable, not UTF-8 or holds no prompt; the message
   *     names the location and, where there is one, the line
   */
  public static PromptFile read(String location) throws IOException {
    String text = decode(location, bytes(location)).replaceFirst("^\uFEFF", "");
    List<String> all = text.lines().map(String::strip).toList();
    List<Line> prompts = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      if (!all.get(i).isEmpty() && !all.get(i).startsWith("#")) {
        prompts.add(new Line(i + 1, all.get(i)));
      }
    }
    if (prompts.isEmpty()) {
      throw new IOException(location + " holds no prompt, only blank lines and # comments");
    }
    return new PromptFile(location, prompts);
  }

  /** The prompts without their line numbers. */
  public List<String> prompts() {
    return lines.stream().map(Line::prompt).toList();
  }

  private static byte[] bytes(String location) throws IOException {
    try (InputStream in = open(location)) {
      return in.readAllBytes();
    } catch (NoSuchFileException | InvalidPathException e) {
      throw new IOException(location + " does not exist", e);
    } catch (IOException e) {
      throw new IOException(location + " cannot be read (" + e + ")", e);
    }
  }

  private static InputStream open(String location) throws IOException {
    if (!location.startsWith(CLASSPATH)) {
      return Files.newInputStream(Path.of(location));
    }
    return Resources.find(location.substring(CLASSPATH.length()))
        .orElseThrow(() -> new NoSuchFileException(location))
        .openStream();
  }

  private static String decode(String location, byte[] bytes) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(rest).toString();
    } catch (CharacterCodingException e) {
      long breaks = IntStream.range(0, rest.position()).filter(i -> bytes[i] == '\n').count();
      throw new IOException(location + ":" + (breaks + 1) + " is not UTF-8", e);
    }
  }
}
