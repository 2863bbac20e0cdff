package io.flowloop.rollout;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.io.KryoBufferOverflowException;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.util.Pool;
import java.io.NotSerializableException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.serialization.SerializerWithStringManifest;

/**
 * The wire format of {@link WireMessage}s.
 *
 * <pre>
 * manifest  kind/schema version, of the message's class in {@link WireTable}
 * body      CRC-32C of manifest and rest (4 bytes, big-endian) · class id · object, by Kryo
 * </pre>
 *
 * <p>A body is refused before Kryo sees a byte of it if it is too long or its checksum is another,
 * and afterwards if anything remains. All that is wrong with a body is a {@link
 * NotSerializableException}, for which Pekko drops the message and keeps the connection.
 */
final class KryoSerializer extends SerializerWithStringManifest {

  /** Known to every node; below 40 are Pekko's own. */
  static final int IDENTIFIER = 7_051;

  private static final int INITIAL_BYTES = 512;
  private static final int MAX_TEXT = 300;

  private final WireTable table;
  private final int bodyLimit;
  private final Pool<Kryo> kryos;

  /** The protocol's serializer, as Pekko makes it. */
  KryoSerializer(ExtendedActorSystem system) {
    this(
        system,
        WireTable.PROTOCOL,
        Math.toIntExact(
            system.settings().config().getMemorySize("flowloop.wire.body-limit").toBytes()));
  }

  /**
   * @param bodyLimit bytes of the longest body
   */
  KryoSerializer(ExtendedActorSystem system, WireTable table, int bodyLimit) {
    this.table = table;
    this.bodyLimit = bodyLimit;
    WireKryo factory = new WireKryo(table, system);
    this.kryos =
        new Pool<>(true, false, Runtime.getRuntime().availableProcessors()) {
          @Override
          protected Kryo create() {
            return factory.create();
          }
        };
  }

  @Override
  public int identifier() {
    return IDENTIFIER;
  }

  /**
   * @throws IllegalArgumentException if the message's class is none of the table's
   */
  @Override
  public String manifest(Object message) {
    return table
        .manifestOf(message.getClass())
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "message: %s (expected: one of the class table, schema %d)"
                        .formatted(message.getClass().getName(), table.version())));
  }

  /**
   * @throws BufferOverflowException if the body would be longer than the limit, which Pekko reports
   *     as an oversized message
   */
  @Override
  public byte[] toBinary(Object message) {
    String manifest = manifest(message);
    Output output = new Output(Math.min(INITIAL_BYTES, bodyLimit), bodyLimit);
    try {
      output.writeInt(0);
      // Not given back after any Throwable: what an instance is then like is anybody's guess.
      Kryo kryo = kryos.obtain();
      kryo.writeClassAndObject(output, message);
      kryos.free(kryo);
    } catch (KryoBufferOverflowException e) {
      BufferOverflowException tooLong = new BufferOverflowException();
      tooLong.initCause(e);
      throw tooLong;
    }
    byte[] body = output.toBytes();
    ByteBuffer.wrap(body).putInt(0, checksum(manifest, body));
    return body;
  }

  @Override
  public Object fromBinary(byte[] body, String manifest) throws NotSerializableException {
    Class<?> type = table.messageOf(manifest).orElseThrow(() -> unknown(manifest));
    checkBody(body, manifest);
    try {
      Kryo kryo = kryos.obtain();
      Object message = read(kryo, body, type);
      kryos.free(kryo);
      return message;
    } catch (RuntimeException e) {
      throw wrong(manifest, String.valueOf(e.getMessage()), e);
    }
  }

  private void checkBody(byte[] body, String manifest) throws NotSerializableException {
    if (body.length <= Integer.BYTES || body.length > bodyLimit) {
      throw wrong(
          manifest,
          "%d bytes (expected: %d to %d, flowloop.wire.body-limit)"
              .formatted(body.length, Integer.BYTES + 1, bodyLimit));
    }
    int declared = ByteBuffer.wrap(body).getInt();
    int found = checksum(manifest, body);
    if (declared != found) {
      throw wrong(
          manifest, "checksum %08x (expected: %08x, that of its bytes)".formatted(declared, found));
    }
  }

  private static Object read(Kryo kryo, byte[] body, Class<?> type) {
    WireInput input = new WireInput(body, Integer.BYTES, body.length - Integer.BYTES);
    Registration registration = kryo.readClass(input);
    if (registration == null || registration.getType() != type) {
      throw new KryoException(
          "class: %s (expected: %s, as the manifest says)"
              .formatted(
                  registration == null ? "none" : WireType.nameOf(registration.getType()),
                  WireType.nameOf(type)));
    }
    Object message = kryo.readObject(input, type, registration.getSerializer());
    if (input.remaining() > 0) {
      throw new KryoException(input.remaining() + " bytes remain (expected: none)");
    }
    return message;
  }

  private static int checksum(String manifest, byte[] body) {
    CRC32C crc = new CRC32C();
    crc.update(manifest.getBytes(StandardCharsets.UTF_8));
    crc.update(body, Integer.BYTES, body.length - Integer.BYTES);
    return (int) crc.getValue();
  }

  private NotSerializableException unknown(String manifest) {
    return new NotSerializableException(
        "manifest: %s (expected: a kind of schema %d; run the same flowloop on every node)"
            .formatted(printable(manifest), table.version()));
  }

  private static NotSerializableException wrong(String manifest, String what) {
    return new NotSerializableException("wire message " + manifest + ": " + what);
  }

  private static NotSerializableException wrong(String manifest, String what, Throwable cause) {
    NotSerializableException wrong = wrong(manifest, printable(what));
    wrong.initCause(cause);
    return wrong;
  }

  /** A stranger's text in one line of the log. */
  private static String printable(String text) {
    String line = text.replaceAll("\\p{Cntrl}", "?");
    return line.length() > MAX_TEXT ? line.substring(0, MAX_TEXT) + "…" : line;
  }
}
