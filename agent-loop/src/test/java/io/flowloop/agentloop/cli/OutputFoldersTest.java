package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFoldersTest {

  @TempDir Path temp;

  @Test
  void open_aFile_isBadInput() throws IOException {
    Path file = Files.createFile(temp.resolve("file"));

    assertThatThrownBy(() -> OutputFolders.open("output.dir", file))
        .isInstanceOf(BadInputException.class)
        .hasMessageContainingAll("output.dir", file.toString(), "expected: a folder");
  }
}
