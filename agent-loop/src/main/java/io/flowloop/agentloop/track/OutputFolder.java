package io.flowloop.agentloop.track;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * The folder that a run's results go to. Each file appears whole or not at all, in place of an
 * older one.
 *
 * @param path exists and can be written to
 */
public record OutputFolder(Path path) {

  /** Writes the content of a file. */
  @FunctionalInterface
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * A folder, made when missing.
   *
   * @throws IOException if it cannot be made or written to
   */
  public static OutputFolder open(Path path) throws IOException {
    Files.createDirectories(path);
    // Permissions do not tell of read-only or full file systems.
    Files.delete(Files.createTempFile(path, ".flowloop", ""));
    return new OutputFolder(path);
  }

  /**
   * Writes a file.
   *
   * @throws UncheckedIOException if that fails; an older file of that name is then still there
   */
  public void write(String name, Content content) {
    Path unfinished = path.resolve(".%s.%d".formatted(name, ProcessHandle.current().pid()));
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(unfinished))) {
        content.writeTo(out);
      } catch (IOException | RuntimeException e) {
        Files.deleteIfExists(unfinished);
        throw e;
      }
      Files.move(
          unfinished,
          path.resolve(name),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "%s cannot be written: %s".formatted(path.resolve(name), e), e);
    }
  }
}
