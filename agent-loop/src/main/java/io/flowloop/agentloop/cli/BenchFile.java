package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.track.OutputFolder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file that a verb is told to write, in a folder that is there.
 *
 * @param folder where it goes
 * @param name its name there
 */
record BenchFile(OutputFolder folder, String name) {

  /**
   * The file of an option.
   *
   * @throws BadInputException if it cannot be written
   */
  static BenchFile open(String option, Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    Path parent = absolute.resolveSibling("").normalize();
    if (Files.isDirectory(absolute) || !Files.isDirectory(parent)) {
      throw new BadInputException(
          "%s: %s (expected: a file in a folder that exists)".formatted(option, path));
    }
    return new BenchFile(OutputFolders.open(option, parent), absolute.getFileName().toString());
  }

  void write(OutputFolder.Content content) {
    folder.write(name, content);
  }

  Path path() {
    return folder.path().resolve(name);
  }
}
