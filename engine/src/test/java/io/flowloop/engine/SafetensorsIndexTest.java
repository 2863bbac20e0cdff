package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsIndexTest {

  @TempDir private Path folder;

  @Test
  void open_index_readsWhatItNamesOfEveryShard() throws IOException {
    Files.createDirectories(folder.resolve("parts"));
    new SafetensorsWriter()
        .floats("a", List.of(2L), new float[] {1, 2})
        .floats("unnamed", List.of(1L), new float[1])
        .longs("c", List.of(), new long[] {3})
        .write(folder.resolve("one.safetensors"));
    new SafetensorsWriter()
        .floats("b", List.of(1L), new float[] {4})
        .write(folder.resolve("parts/two.safetensors"));
    String index =
        """
        {"metadata":{"total_size":20,"note":"n","list":[1]},"weight_map":
          {"a":"one.safetensors","b":"parts/two.safetensors","c":"one.safetensors"}}""";
    Path path = Files.writeString(folder.resolve("m.index.json"), index);

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata()).isEqualTo(Map.of("total_size", "20", "note", "n"));
      assertThat(file.tensors().keySet()).containsExactly("a", "b", "c");
      assertThat(file.floats("a")).containsExactly(1, 2);
      assertThat(file.floats("b")).containsExactly(4);
      assertThat(file.longs("c")).containsExactly(3);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'weight_map':{'t':'absent.safetensors'}}     | weight_map.t: absent.safetensors (expected",
        "{'weight_map':{'u':'one.safetensors'}}        | tensor: u, missing in ",
        "{'weight_map':{'t':'../one.safetensors'}}     | weight_map.t: ../one.safetensors (expected",
        "{'weight_map':{'t':'a/../../one.safetensors'}}| weight_map.t: a/../../one.safetensors (exp",
        "{'weight_map':{'t':'OUTSIDE/one.safetensors'}}| (expected: a file in the folder of the ind",
        "{'weight_map':{'t':'a\\u0000b'}}              | is not a safetensors index: ",
        "{'weight_map':{'t':''}}                       | weight_map.t:  (expected: a file in the",
        "{'weight_map':{'t':'m.index.json'}}           | header length: ",
        "{'weight_map':{'t':7}}                        | weight_map.t",
        "{'weight_map':{}}                             | weight_map: {} (expected: at least one",
        "{'weight_map':{'t':'m.index.json','t':'m.index.json'}} | weight_map: t given twice",
        "{'weights':1}                                 | weight_map: {} (expected: at least one",
        "[]                                            | Expected BEGIN_OBJECT",
        "{'weight_map':{                               | End of input",
        "{weight_map:{}}                               | line 1 column",
      })
  void open_wrongIndex_namesWhatIsWrong(String index, String message) throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    SafetensorsWriter shard = new SafetensorsWriter().floats("t", List.of(1L), new float[1]);
    shard.write(model.resolve("one.safetensors"));
    shard.write(folder.resolve("one.safetensors"));
    String outside = folder.toAbsolutePath().toString().replace('\\', '/');
    Path path =
        Files.writeString(
            model.resolve("m.index.json"), index.replace('\'', '"').replace("OUTSIDE", outside));

    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(message)
        .hasMessageContaining("m.index.json");
  }
}
