package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.NotSerializableException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Mutated messages: as they come, and with the checksum made right again, so that Kryo gets what
 * was mutated. Any other exception than the one, and any error, fails the test.
 */
class WireFuzzTest {

  /** What a refused message may allocate: a Kryo instance, and a few times its own bytes. */
  private static final long MOST_ALLOCATED = 256 << 10;

  /** Messages that load classes, which is no message's cost: up to 1.3 MB each. */
  private static final int WARM_UP = 1_000;

  private static final ActorTestKit KIT = ActorTestKit.create(WireMessages.SYSTEM);

  record Frame(String manifest, byte[] body) {

    boolean equalTo(Frame other) {
      return manifest.equals(other.manifest) && Arrays.equals(body, other.body);
    }
  }

  private final KryoSerializer serializer =
      new KryoSerializer((ExtendedActorSystem) Adapter.toClassic(KIT.system()));
  private final List<Frame> originals =
      WireMessages.all(KIT.system()).stream()
          .map(m -> new Frame(serializer.manifest(m), serializer.toBinary(m)))
          .toList();
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private int accepted;
  private long mostAllocated;

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void fromBinary_20000MutatedMessages_refusesAllAndAllocatesLittle() {
    fuzz(20_000);
  }

  @Test
  @Tag("faults")
  void fromBinary_1000000MutatedMessages_refusesAllAndAllocatesLittle() {
    fuzz(1_000_000);
  }

  private void fuzz(int frames) {
    Random random = new Random(42);
    for (int i = 0; i < frames; i++) {
      if (i == WARM_UP) {
        mostAllocated = 0;
      }
      Frame original = originals.get(random.nextInt(originals.size()));
      Frame mutated = mutate(original, random);
      if (i % 2 == 0 && mutated.body().length >= Integer.BYTES) {
        readSealed(mutated, i);
      } else if (!mutated.equalTo(original)) {
        assertThat(read(mutated)).as("frame %d", i).isFalse();
      }
    }
    assertThat(accepted).as("messages that are whole but for their values").isPositive();
    assertThat(mostAllocated).isPositive().isLessThan(MOST_ALLOCATED);
  }

  private void readSealed(Frame mutated, int index) {
    Frame frame =
        new Frame(
            mutated.manifest(), KryoSerializerTest.sealed(mutated.manifest(), mutated.body()));
    if (read(frame)) {
      accepted++;
      assertThat(rewritten(frame)).as("frame %d, written and read again", index).isTrue();
    }
  }

  /** Whether it is taken for a message. */
  private boolean read(Frame frame) {
    long before = threads.getCurrentThreadAllocatedBytes();
    try {
      var _ = serializer.fromBinary(frame.body(), frame.manifest());
      return true;
    } catch (NotSerializableException _) {
      return false;
    } finally {
      mostAllocated = Math.max(mostAllocated, threads.getCurrentThreadAllocatedBytes() - before);
    }
  }

  /** Whether what was read is a message that can be written, and is then the same one. */
  private boolean rewritten(Frame frame) {
    try {
      byte[] once = serializer.toBinary(serializer.fromBinary(frame.body(), frame.manifest()));
      byte[] twice = serializer.toBinary(serializer.fromBinary(once, frame.manifest()));
      return Arrays.equals(once, twice);
    } catch (NotSerializableException _) {
      return false;
    }
  }

  private Frame mutate(Frame frame, Random random) {
    byte[] body = frame.body();
    return switch (random.nextInt(8)) {
      case 0 -> new Frame(frame.manifest(), flipped(body, 1, random));
      case 1 -> new Frame(frame.manifest(), flipped(body, 1 + random.nextInt(8), random));
      case 2 -> new Frame(frame.manifest(), Arrays.copyOf(body, random.nextInt(body.length)));
      case 3 -> new Frame(frame.manifest(), joined(body, random(random)));
      case 4 -> new Frame(frame.manifest(), withLength(body, random));
      case 5 -> new Frame(frame.manifest(), spliced(body, any(random).body(), random));
      case 6 -> new Frame(any(random).manifest(), body);
      default -> new Frame(frame.manifest(), random(random));
    };
  }

  private Frame any(Random random) {
    return originals.get(random.nextInt(originals.size()));
  }

  private static byte[] flipped(byte[] body, int bits, Random random) {
    byte[] flipped = body.clone();
    for (int i = 0; i < bits; i++) {
      flipped[random.nextInt(body.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
    }
    return flipped;
  }

  /** A number of up to 2³² − 1, as Kryo writes lengths, over or between the bytes. */
  private static byte[] withLength(byte[] body, Random random) {
    int at = Integer.BYTES + random.nextInt(body.length - Integer.BYTES);
    int skipped = Math.min(body.length, at + random.nextInt(6));
    byte[] length = {-1, -1, -1, -1, (byte) (random.nextBoolean() ? 7 : 15)};
    return joined(
        joined(Arrays.copyOf(body, at), Arrays.copyOfRange(length, random.nextInt(5), 5)),
        Arrays.copyOfRange(body, skipped, body.length));
  }

  private static byte[] spliced(byte[] head, byte[] tail, Random random) {
    return joined(
        Arrays.copyOf(head, random.nextInt(head.length)),
        Arrays.copyOfRange(tail, random.nextInt(tail.length), tail.length));
  }

  private static byte[] random(Random random) {
    byte[] bytes = new byte[1 + random.nextInt(200)];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] joined(byte[] head, byte[] tail) {
    byte[] joined = Arrays.copyOf(head, head.length + tail.length);
    System.arraycopy(tail, 0, joined, head.length, tail.length);
    return joined;
  }
}
