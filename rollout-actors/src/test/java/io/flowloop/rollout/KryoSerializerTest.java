package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.EngineException;
import java.io.IOException;
import java.io.NotSerializableException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.serialization.SerializationExtension;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class KryoSerializerTest {

  private static final ActorTestKit KIT = ActorTestKit.create(WireMessages.SYSTEM);
  private static final ExtendedActorSystem SYSTEM =
      (ExtendedActorSystem) Adapter.toClassic(KIT.system());
  private static final int CLASS_ID = Integer.BYTES;

  record Nested(int id, Optional<Nested> inner) implements WireMessage {}

  private final KryoSerializer serializer = new KryoSerializer(SYSTEM);

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  /** A body with the checksum that belongs to it. */
  static byte[] sealed(String manifest, byte[] body) {
    CRC32C crc = new CRC32C();
    crc.update(manifest.getBytes(StandardCharsets.UTF_8));
    crc.update(body, Integer.BYTES, body.length - Integer.BYTES);
    return ByteBuffer.wrap(body.clone()).putInt(0, (int) crc.getValue()).array();
  }

  private void assertRefused(byte[] body, String manifest, String why) {
    assertThatThrownBy(() -> serializer.fromBinary(body, manifest))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining(why);
  }

  @Test
  void everyKind_isReadBackAndWrittenAsPublished() throws IOException {
    String golden = WireTableTest.resource("schema-%d.txt".formatted(WireTable.PROTOCOL.version()));
    HexFormat hex = HexFormat.of();

    assertThat(
            WireMessages.all(KIT.system()).stream()
                .map(m -> serializer.manifest(m) + " " + hex.formatHex(serializer.toBinary(m)))
                .collect(Collectors.joining("\n", "", "\n")))
        .isEqualTo(golden);
    for (String line : golden.lines().toList()) {
      String manifest = line.substring(0, line.indexOf(' '));
      byte[] body = hex.parseHex(line.substring(line.indexOf(' ') + 1));
      Object message = serializer.fromBinary(body, manifest);
      assertThat(serializer.manifest(message)).isEqualTo(manifest);
      assertThat(serializer.toBinary(message)).isEqualTo(body);
    }
  }

  @Test
  void everyKindOfTheTable_hasAnExample() {
    assertThat(WireMessages.all(KIT.system()).stream().map(Object::getClass).distinct())
        .hasSize(
            (int) WireTable.PROTOCOL.describe().lines().filter(l -> l.contains(" = ")).count());
  }

  @Test
  void fromBinary_messageOfPlainValues_isEqual() throws IOException {
    for (WireMessage message : WireMessages.all(KIT.system())) {
      Object read =
          serializer.fromBinary(serializer.toBinary(message), serializer.manifest(message));
      assertThat(read)
          .usingRecursiveComparison()
          .ignoringFieldsOfTypes(Throwable.class)
          .isEqualTo(message);
    }
  }

  @Test
  void pekko_protocolsMessages_goThroughThisSerializer() {
    for (WireMessage message : WireMessages.all(KIT.system())) {
      assertThat(SerializationExtension.get(SYSTEM).findSerializerFor(message))
          .isInstanceOf(KryoSerializer.class)
          .returns(KryoSerializer.IDENTIFIER, found -> found.identifier());
    }
  }

  @Test
  void fromBinary_cause_isAnEngineExceptionWithItsText() throws IOException {
    assertThat(causeOf(new EngineException("out of memory"))).isEqualTo("out of memory");
    assertThat(causeOf(new IllegalStateException("x"))).isEqualTo("IllegalStateException: x");
    assertThat(causeOf(new NullPointerException())).isEqualTo("NullPointerException");
  }

  private String causeOf(RuntimeException cause) throws IOException {
    EngineHost.Report report = report(List.of(new EngineHost.FailedLease(2, cause)));
    EngineHost.Report read =
        (EngineHost.Report)
            serializer.fromBinary(serializer.toBinary(report), serializer.manifest(report));
    assertThat(read.failed().getFirst().cause()).isInstanceOf(EngineException.class);
    return String.valueOf(read.failed().getFirst().cause().getMessage());
  }

  private static EngineHost.Report report(List<EngineHost.FailedLease> failed) {
    return new EngineHost.Report(
        1, List.of(), failed, List.of(), List.of(), List.of(), false, Optional.empty());
  }

  @Test
  void manifest_classOutsideTheTable_isRefused() {
    assertThatThrownBy(() -> serializer.manifest("text"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message: java.lang.String (expected: one of the class table, schema 1)");
  }

  @Test
  void toBinary_bodyOverTheLimit_isABufferOverflow() throws IOException {
    EngineHost.Stepped message = new EngineHost.Stepped(1, 2, 3);
    int length = serializer.toBinary(message).length;

    assertThat(new KryoSerializer(SYSTEM, WireTable.PROTOCOL, length).toBinary(message))
        .hasSize(length);
    assertThatThrownBy(
            () -> new KryoSerializer(SYSTEM, WireTable.PROTOCOL, length - 1).toBinary(message))
        .isInstanceOf(BufferOverflowException.class);
  }

  @Test
  void fromBinary_bodyOverTheLimit_isRefusedWhatItHolds() {
    EngineHost.Stepped message = new EngineHost.Stepped(1, 2, 3);
    byte[] body = serializer.toBinary(message);

    assertThatThrownBy(
            () ->
                new KryoSerializer(SYSTEM, WireTable.PROTOCOL, body.length - 1)
                    .fromBinary(body, serializer.manifest(message)))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining(
            "%d bytes (expected: 5 to %d".formatted(body.length, body.length - 1));
  }

  @Test
  void fromBinary_noBody_isRefused() {
    assertRefused(new byte[0], "host.stepped/1", "0 bytes (expected: 5 to 458752");
    assertRefused(new byte[4], "host.stepped/1", "4 bytes (expected: 5 to 458752");
  }

  @Test
  void fromBinary_unknownKindOrSchema_isRefusedInOneShortLine() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));

    assertRefused(body, "host.stepped/2", "manifest: host.stepped/2 (expected: a kind of schema 1");
    assertRefused(body, "java.lang.Runtime", "manifest: java.lang.Runtime (expected");
    assertRefused(body, "a\nb" + "c".repeat(1000), "manifest: a?bccc");
  }

  @Test
  void fromBinary_manifestOfAnotherKind_isRefusedByTheChecksum() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));

    assertRefused(body, "host.report/1", "checksum");
    assertRefused(
        sealed("host.report/1", body),
        "host.report/1",
        "class: EngineHost.Stepped (expected: EngineHost.Report, as the manifest says)");
  }

  @Test
  void fromBinary_anyBitFlipped_isRefusedByTheChecksum() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));
    for (int bit = 0; bit < body.length * Byte.SIZE; bit++) {
      byte[] flipped = body.clone();
      flipped[bit / Byte.SIZE] ^= (byte) (1 << (bit % Byte.SIZE));
      assertRefused(flipped, "host.stepped/1", "checksum");
    }
  }

  @Test
  void fromBinary_bytesRemain_isRefused() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));

    assertRefused(
        sealed("host.stepped/1", Arrays.copyOf(body, body.length + 3)),
        "host.stepped/1",
        "3 bytes remain (expected: none)");
  }

  @Test
  void fromBinary_classByName_isRefused() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));
    body[CLASS_ID] = 1;

    assertRefused(
        sealed("host.stepped/1", body), "host.stepped/1", "a class by its name (expected");
  }

  @Test
  void fromBinary_noClassOrUnknownId_isRefused() {
    byte[] body = serializer.toBinary(new EngineHost.Stepped(1, 2, 3));
    body[CLASS_ID] = 0;
    assertRefused(sealed("host.stepped/1", body), "host.stepped/1", "class: none (expected");
    body[CLASS_ID] = 100;
    assertRefused(sealed("host.stepped/1", body), "host.stepped/1", "unregistered class ID: 98");
  }

  @Test
  void fromBinary_valueThatItsConstructorRefuses_isRefused() {
    String why = "DataHandle: port: 0 (expected: 1 to 65535)";
    DataHandle handle = new DataHandle("a", 1, 2, 3, 4);
    byte[] body = serializer.toBinary(WireMessages.drawn(handle));
    // Behind class id, session, length of the list, lease and the two bytes of the host: zigzagged.
    int port = CLASS_ID + 1 + 1 + 1 + 1 + 2;
    assertThat(body[port]).isEqualTo((byte) 2);
    body[port] = 0;

    assertRefused(sealed("host.report/1", body), "host.report/1", why);
  }

  @Test
  void fromBinary_declaredLengthBeyondTheBytes_isRefused() {
    byte[] body = serializer.toBinary(report(List.of()));
    // The first list of the message, behind class id and session.
    byte[] longer = Arrays.copyOf(body, CLASS_ID + 2 + 5);
    byte[] length = {-9, -1, -1, -1, 7};
    System.arraycopy(length, 0, longer, CLASS_ID + 2, length.length);

    assertRefused(
        sealed("host.report/1", longer),
        "host.report/1",
        "declared length: 2147483639 (expected: at most 0, for 0 bytes that remain)");
  }

  @Test
  void fromBinary_nestedTooDeep_isRefusedAndTheNextMessageIsRead() throws IOException {
    WireTable table = new WireTable(1, WireTable.message("nested", Nested.class));
    KryoSerializer nesting = new KryoSerializer(SYSTEM, table, 1 << 20);
    byte[] fits = nesting.toBinary(nested(WireKryo.MAX_DEPTH - 1));
    byte[] deep = sealed("nested/1", bytesOf(100_000));

    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(() -> nesting.fromBinary(deep, "nested/1"))
          .isInstanceOf(NotSerializableException.class)
          .hasMessageContaining("Max depth exceeded");
      assertThat(nesting.fromBinary(fits, "nested/1")).isEqualTo(nested(WireKryo.MAX_DEPTH - 1));
    }
  }

  private static Nested nested(int depth) {
    return new Nested(1, depth == 1 ? Optional.empty() : Optional.of(nested(depth - 1)));
  }

  /** Class id 16, then ids and lengths of 1, one in the other. */
  private static byte[] bytesOf(int depth) {
    byte[] body = new byte[CLASS_ID + 1 + 2 * depth];
    Arrays.fill(body, (byte) 1);
    body[CLASS_ID] = 18;
    return body;
  }

  @Test
  void fromBinary_actorReferenceThatIsNoPath_isRefused() throws IOException {
    byte[] body =
        serializer.toBinary(
            new EngineHost.Describe(KIT.<EngineHost.Description>createTestProbe().ref()));
    byte[] wrong =
        new String(body, StandardCharsets.ISO_8859_1)
            .replace("pekko://", "pekko :/")
            .getBytes(StandardCharsets.ISO_8859_1);

    assertRefused(sealed("host.describe/1", wrong), "host.describe/1", "actor reference:");
  }
}
