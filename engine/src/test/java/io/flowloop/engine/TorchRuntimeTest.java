package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchRuntimeTest {

  @TempDir Path torch;

  @Test
  void libtorchRelease_bundled_isWhatTheJniWasBuiltFor() {
    assertThat(TorchRuntime.libtorchRelease(Optional.empty())).isEqualTo("2.7.1");
  }

  @Test
  void libtorchRelease_pythonPackage_isReadFromIt() throws Exception {
    Files.writeString(torch.resolve("version.py"), "__version__ = '2.11.0+cu130'\ndebug = False\n");

    assertThat(TorchRuntime.libtorchRelease(Optional.of(lib()))).isEqualTo("2.11.0");
  }

  @Test
  void libtorchRelease_libtorchArchive_isReadFromIt() throws Exception {
    Files.writeString(torch.resolve("build-version"), "2.7.1+cpu\n");

    assertThat(TorchRuntime.libtorchRelease(Optional.of(lib()))).isEqualTo("2.7.1");
  }

  @Test
  void libtorchRelease_folderThatDoesNotTell_isRefused() {
    assertThatThrownBy(() -> TorchRuntime.libtorchRelease(Optional.of(lib())))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("PYTORCH_LIBRARY_PATH: ")
        .hasMessageContaining("PYTORCH_VERSION set to its release");
  }

  @Test
  void requireSameRelease_otherLibtorch_isRefusedWithASentence() {
    assertThatThrownBy(() -> TorchRuntime.requireSameRelease("2.7.1", "2.11.0"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("libtorch: 2.11.0 (expected: 2.7.1")
        .hasMessageContaining("install torch==2.7.1");
  }

  @Test
  void requireSameRelease_sameLibtorch_passes() {
    assertThatCode(() -> TorchRuntime.requireSameRelease("2.7.1", "2.7.1"))
        .doesNotThrowAnyException();
  }

  private String lib() throws Exception {
    return Files.createDirectories(torch.resolve("lib")).toString();
  }
}
