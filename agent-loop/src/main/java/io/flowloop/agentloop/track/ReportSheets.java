package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker.Validation;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The contact sheets of a report: a PNG file for each validation, encoded once. */
final class ReportSheets {

  private static final int COLUMNS = 2;
  private static final int IMAGES = 24;
  private static final Pattern NAME = Pattern.compile("validation-(\\d+)\\.png");

  private final OutputFolder folder;
  private final Map<Integer, String> inPage = new HashMap<>();

  private ReportSheets(OutputFolder folder) {
    this.folder = folder;
  }

  /**
   * The sheets in a folder.
   *
   * @param step those of later training steps are deleted
   */
  static ReportSheets open(Path folder, int step) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "validation-*.png")) {
      for (Path file : files) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (name.matches() && Long.parseLong(name.group(1)) > step) {
          Files.delete(file);
        }
      }
    }
    return new ReportSheets(new OutputFolder(folder));
  }

  private static String name(int step) {
    return "validation-%06d.png".formatted(step);
  }

  void add(Validation validation) {
    if (!validation.images().isEmpty()) {
      byte[] png = Png.encode(ValidationSheet.draw(validation, COLUMNS, IMAGES));
      folder.write(name(validation.step()), out -> out.write(png));
      inPage.put(validation.step(), base64(png));
    }
  }

  private static String base64(byte[] png) {
    return Base64.getEncoder().encodeToString(png);
  }

  /** The sheet of a validation in base 64; none if it had no images or its file is gone. */
  Optional<String> of(int step) throws IOException {
    Path file = folder.path().resolve(name(step));
    if (!inPage.containsKey(step) && Files.exists(file)) {
      inPage.put(step, base64(Files.readAllBytes(file)));
    }
    return Optional.ofNullable(inPage.get(step));
  }

  /** Forgets all others; their files stay. */
  void keep(Collection<Integer> steps) {
    inPage.keySet().retainAll(steps);
  }
}
