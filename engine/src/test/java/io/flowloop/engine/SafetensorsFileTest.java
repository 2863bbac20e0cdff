package io.flowloop.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {

  private static final String HEADER =
      """
      {"__metadata__":{"made by":"hand"},
       "half":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},
       "brain":{"dtype":"BF16","shape":[1,2],"data_offsets":[14,18]},
       "matrix":{"dtype":"F32","shape":[2,2],"data_offsets":[18,34]},
       "id":{"dtype":"I64","shape":[],"data_offsets":[0,8]},
       "none":{"dtype":"F32","shape":[0,7],"data_offsets":[34,34]}}""";

  @TempDir private Path folder;

  @Test
  void open_everyDtype_readsWhatTheBytesSay() {
    try (SafetensorsFile file = SafetensorsFile.open(write("a.safetensors", example()))) {
      assertThat(file.metadata()).isEqualTo(Map.of("made by", "hand"));
      assertThat(file.tensors().keySet()).containsExactly("brain", "half", "id", "matrix", "none");
      assertThat(file.tensor("matrix"))
          .isEqualTo(new SafetensorsTensor("matrix", SafetensorsDtype.F32, List.of(2L, 2L)));
      assertThat(file.longs("id")).containsExactly(-2);
      assertThat(file.floats("half")).containsExactly(1, -65504, 0x1p-24f);
      assertThat(file.floats("brain")).containsExactly(1.5f, Float.NEGATIVE_INFINITY);
      assertThat(file.floats("matrix")).containsExactly(0.1f, Float.MIN_VALUE, -3, 4);
      assertThat(file.floats("none")).isEmpty();
      assertThat(file.bytes("brain")).isEqualTo(ByteBuffer.wrap(new byte[] {-64, 63, -128, -1}));
      assertThat(file.bytes("matrix").getFloat(8)).isEqualTo(-3);
      assertThat(file.bytes("matrix").isReadOnly()).isTrue();
    }
  }

  @Test
  void bytes_inAMappingOfItsOwn_areTheSameUntilThatIsClosed() throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(write("a.safetensors", example()));
        SafetensorsFile buffer = SafetensorsFile.of("resource", ByteBuffer.wrap(example()))) {
      ByteBuffer own;
      try (Arena arena = Arena.ofConfined()) {
        own = file.bytes("matrix", arena);

        assertThat(own).isEqualTo(file.bytes("matrix")).isEqualTo(buffer.bytes("matrix", arena));
        assertThat(own.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
        assertThat(own.isReadOnly()).isTrue();
        assertThat(file.bytes("none", arena).remaining()).isZero();
      }
      assertThatThrownBy(() -> own.get(0)).isInstanceOf(IllegalStateException.class);
      assertThat(file.bytes("matrix").getFloat(8)).isEqualTo(-3);
    }
  }

  @Test
  void of_bufferWithPosition_readsFromThere() {
    byte[] example = example();
    ByteBuffer shifted = ByteBuffer.allocate(example.length + 3).position(3).put(example);

    try (SafetensorsFile file = SafetensorsFile.of("resource", shifted.position(3))) {
      assertThat(file.floats("half")).containsExactly(1, -65504, 0x1p-24f);
      assertThat(file.bytes("matrix").getFloat(0)).isEqualTo(0.1f);
    }
  }

  @Test
  void floats_wrongNameOrDtype_saysWhichFileHasWhat() {
    try (SafetensorsFile file = SafetensorsFile.of("a.safetensors", ByteBuffer.wrap(example()))) {
      assertThatThrownBy(() -> file.floats("matrx"))
          .isInstanceOf(EngineException.class)
          .hasMessage("tensor: matrx (expected: one of the 5 of a.safetensors)");
      assertThatThrownBy(() -> file.floats("id"))
          .isInstanceOf(EngineException.class)
          .hasMessage("dtype: I64 of tensor id in a.safetensors (expected: F32, F16 or BF16)");
      assertThatThrownBy(() -> file.longs("half"))
          .isInstanceOf(EngineException.class)
          .hasMessage("dtype: F16 of tensor half in a.safetensors (expected: I64)");
    }
  }

  @Test
  void bytes_afterClose_failsRatherThanReadingUnmappedMemory() {
    SafetensorsFile file = SafetensorsFile.open(write("a.safetensors", example()));
    ByteBuffer bytes = file.bytes("half");
    file.close();

    assertThatThrownBy(() -> bytes.get(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> file.floats("half")).isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "[8,14]     | [8,16]      | data_offsets: [8, 16] of tensor half, 8 bytes (expected: 6",
        "[8,14]     | [6,12]      | tensor half starts at byte 6 of the data (expected: 8, for it o",
        "[8,14]     | [14,8]      | data_offsets: [14, 8] of tensor half (expected: [begin, end])",
        "[8,14]     | [8]         | data_offsets: [8] of tensor half (expected: [begin, end])",
        "[8,14]     | [-8,-2]     | data_offsets: [-8, -2] of tensor half",
        "[8,14]     | [9e18,9e18] | data_offsets: [9000000000000000000, 9000000000000000000] of ten",
        "[8,14]     | [8,1e19]    | path $.half.data_offsets[1]",
        "[8,14]     | [8,14.5]    | path $.half.data_offsets[1]",
        "[8,14]     | ['8',14]    | data_offsets of tensor half: STRING (expected: NUMBER)",
        "[34,34]    | [35,35]     | tensor none starts at byte 35 of the data (expected: 34, for no",
        "'F16'      | 'F17'       | dtype of tensor half: F17 (expected: one of [BOOL, U8",
        "'F16'      | 16          | dtype of tensor half: NUMBER (expected: STRING)",
        "[3]        | [4]         | (expected: 8 for F16 [4])",
        "[3]        | [-3]        | shape: [-3] of tensor half (expected: dimensions of 0 or more",
        "[3]        | [1e10,1e10] | shape: [10000000000, 10000000000] of tensor half",
        "[3]        | 3           | shape of tensor half: NUMBER (expected: BEGIN_ARRAY)",
        "'shape':[3],  | 'size':[3], | tensor: half (expected: with dtype, shape and data_offsets)",
        "'shape':[3],  | 'shape':[3],'shape':[3], | shape of tensor half: given twice",
        "'brain':   | 'half':     | half: given twice (expected: once)",
        "'brain':   | '__metadata__': | __metadata__: given twice (expected: once)",
        "'hand'     | 7           | __metadata__.made by: NUMBER (expected: STRING)",
        "34,34]}}   | 34,34]}}]   | line 6 column",
        "34,34]}}   | 34,34]}     | End of input",
        "34,34]}}   | 34,34]},}   | line 6 column",
      })
  void of_wrongHeader_namesWhatIsWrong(String right, String wrong, String message) {
    String header = HEADER.replace(quoted(right), quoted(wrong));
    assertThat(header).isNotEqualTo(HEADER);

    assertThatThrownBy(() -> SafetensorsFile.of("x", ByteBuffer.wrap(file(header, data()))))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("x is not a whole safetensors file: ")
        .hasMessageContaining(message);
  }

  @Test
  void of_unknownKeyOfATensor_isIgnored() {
    String header = HEADER.replace("\"shape\":[3]", "\"shape\":[3],\"note\":{\"a\":[1,null]}");

    try (SafetensorsFile file = SafetensorsFile.of("x", ByteBuffer.wrap(file(header, data())))) {
      assertThat(file.floats("half")).hasSize(3);
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 18446744073709551615", "9223372036854775807, 9223372036854775807", "12, 12"})
  void of_headerLongerThanTheFile_isRefusedBeforeItIsRead(long length, String shown) {
    byte[] bytes = littleEndian(19).putLong(length).array();

    assertThatThrownBy(() -> SafetensorsFile.of("x", ByteBuffer.wrap(bytes)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(
            "header length: " + shown + " bytes (expected: at most 11, for a file of 19)");
  }

  @Test
  void open_headerOverTheFormatsLimit_isRefusedBeforeItIsRead() throws IOException {
    long limit = 100_000_000;
    byte[] length = littleEndian(Long.BYTES).putLong(limit + 1).array();
    Path path = writeSparse(length, limit + 9, new byte[1]);

    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("header length: 100000001 bytes (expected: at most 100000000");
  }

  @Test
  void open_tensorsOver2Gb_areListedAndTheirNeighbourIsRead() throws IOException {
    String header =
        """
        {"big":{"dtype":"F32","shape":[2200000000],"data_offsets":[0,8800000000]},
         "small":{"dtype":"F32","shape":[1],"data_offsets":[8800000000,8800000004]}}""";
    byte[] start = file(header, new byte[0]);
    byte[] small = littleEndian(Float.BYTES).putFloat(2.5f).array();
    Path path = writeSparse(start, start.length + 8_800_000_000L, small);

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensor("big").elements()).isEqualTo(2_200_000_000L);
      assertThat(file.tensor("big").bytes()).isEqualTo(8_800_000_000L);
      assertThat(file.floats("small")).containsExactly(2.5f);
      assertThatThrownBy(() -> file.floats("big"))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("size: 2200000000 elements of tensor big");
      assertThatThrownBy(() -> file.bytes("big"))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("size: 8800000000 bytes of tensor big");
    }
  }

  @Test
  void of_everyPrefix_isRefused() {
    byte[] example = example();
    for (int length = 0; length < example.length; length++) {
      ByteBuffer prefix = ByteBuffer.wrap(Arrays.copyOf(example, length));
      assertThatThrownBy(() -> SafetensorsFile.of("x", prefix)).isInstanceOf(EngineException.class);
    }
    ByteBuffer longer = ByteBuffer.wrap(Arrays.copyOf(example, example.length + 1));
    assertThatThrownBy(() -> SafetensorsFile.of("x", longer))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("data: 35 bytes (expected: the 34 that the header describes)");
  }

  @Test
  void open_emptyFile_isRefused() {
    Path path = write("empty.safetensors", new byte[0]);

    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("size: 0 bytes (expected: at least 8)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {"[~]", "{\"a\":~}"})
  void of_deeplyNestedValue_isRefused(String open, String close) {
    String deep = open.repeat(100_000) + "1" + close.repeat(100_000);
    String header = HEADER.replace("\"shape\":[3]", "\"shape\":[3],\"note\":" + deep);

    assertThatThrownBy(() -> SafetensorsFile.of("x", ByteBuffer.wrap(file(header, data()))))
        .isInstanceOf(EngineException.class);
  }

  @Test
  void of_flippedBytes_isRefusedOrAllOfItCanBeRead() {
    byte[] example = example();
    int headerEnd = example.length - data().length;
    SplittableRandom random = new SplittableRandom(1);
    int refused = 0;
    for (int trial = 0; trial < 20_000; trial++) {
      byte[] flipped = example.clone();
      for (int flips = random.nextInt(1, 4); flips > 0; flips--) {
        flipped[random.nextInt(headerEnd)] ^= (byte) (1 << random.nextInt(8));
      }
      try (SafetensorsFile file = SafetensorsFile.of("x", ByteBuffer.wrap(flipped))) {
        long bytes = 0;
        for (String name : file.tensors().keySet()) {
          bytes += file.bytes(name).remaining();
        }
        assertThat(bytes).isEqualTo(data().length);
      } catch (EngineException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(10_000);
  }

  @Test
  void open_noFile_saysSo() {
    assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("none.safetensors")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("none.safetensors cannot be read")
        .hasMessageContaining("NoSuchFile");
    assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("none.index.json")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("none.index.json cannot be read");
  }

  private static String quoted(String json) {
    return json.replace('\'', '"');
  }

  private static byte[] example() {
    return file(HEADER, data());
  }

  private static byte[] data() {
    return littleEndian(34)
        .putLong(-2)
        .putShort((short) 0x3C00)
        .putShort((short) 0xFBFF)
        .putShort((short) 0x0001)
        .putShort((short) 0x3FC0)
        .putShort((short) 0xFF80)
        .putFloat(0.1f)
        .putFloat(Float.MIN_VALUE)
        .putFloat(-3)
        .putFloat(4)
        .array();
  }

  private static byte[] file(String header, byte[] data) {
    byte[] json = header.getBytes(UTF_8);
    return littleEndian(Long.BYTES + json.length + data.length)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private Path write(String name, byte[] bytes) {
    try {
      return Files.write(folder.resolve(name), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file with a hole, which takes no disk, between its first and its last bytes. */
  private Path writeSparse(byte[] first, long at, byte[] last) throws IOException {
    Path path = folder.resolve("sparse.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(first));
      channel.write(ByteBuffer.wrap(last), at);
    }
    return path;
  }
}
