package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.track.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;

/** The folders that settings name. */
final class OutputFolders {

  private OutputFolders() {}

  /**
   * The folder of a setting, made when missing.
   *
   * @throws BadInputException if it cannot be made or written to
   */
  static OutputFolder open(String key, Path path) {
    try {
      return OutputFolder.open(path);
    } catch (IOException e) {
      throw new BadInputException(
          "%s: %s (expected: a folder that can be written to; %s)".formatted(key, path, e), e);
    }
  }
}
