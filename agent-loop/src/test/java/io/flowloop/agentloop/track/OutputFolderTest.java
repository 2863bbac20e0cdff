package io.flowloop.agentloop.track;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFolderTest {

  @TempDir Path temp;

  @Test
  void open_missingFolder_makesItAndLeavesItEmpty() throws IOException {
    OutputFolder folder = OutputFolder.open(temp.resolve("a/b"));

    assertThat(folder.path()).isEmptyDirectory();
  }

  @Test
  void write_existingFile_isReplaced() throws IOException {
    OutputFolder folder = new OutputFolder(temp);

    folder.write("file", out -> out.write("old".getBytes(UTF_8)));
    folder.write("file", out -> out.write("new".getBytes(UTF_8)));

    assertThat(temp.resolve("file")).hasContent("new");
  }

  @Test
  void write_failsHalfway_keepsTheOldFileAndNothingElse() {
    OutputFolder folder = new OutputFolder(temp);
    folder.write("file", out -> out.write("old".getBytes(UTF_8)));

    assertThatThrownBy(
            () ->
                folder.write(
                    "file",
                    out -> {
                      out.write("ne".getBytes(UTF_8));
                      throw new IOException("disk is full");
                    }))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContainingAll("file", "disk is full");

    assertThat(temp.resolve("file")).hasContent("old");
    assertThat(temp).isDirectoryContaining(path -> path.endsWith("file"));
    assertThat(temp.toFile().list()).hasSize(1);
  }
}
