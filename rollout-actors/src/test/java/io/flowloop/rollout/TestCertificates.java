package io.flowloop.rollout;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders of certificates that no test changes, made once for all: each costs a process or two. */
final class TestCertificates {

  static final String HOST = "127.0.0.1";

  private static final Path FOLDER = folder();
  private static final DevelopmentCa AUTHORITY = DevelopmentCa.open(FOLDER.resolve("one"));

  private static final class Node {
    static final Path FOLDER = AUTHORITY.issue(HOST);
  }

  private static final class Stranger {
    static final Path FOLDER =
        DevelopmentCa.open(TestCertificates.FOLDER.resolve("another")).issue(HOST);
  }

  private static final class Elsewhere {
    static final Path FOLDER = AUTHORITY.issue("gpu-9");
  }

  private TestCertificates() {}

  private static Path folder() {
    try {
      return Files.createTempDirectory(
          Files.createDirectories(Path.of("target")).toAbsolutePath(), "certificates-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Those of a node of {@link #HOST}. */
  static Path node() {
    return Node.FOLDER;
  }

  /** Likewise of another authority. */
  static Path stranger() {
    return Stranger.FOLDER;
  }

  /** Those of the host {@code gpu-9}, of the authority of {@link #node}. */
  static Path elsewhere() {
    return Elsewhere.FOLDER;
  }
}
