package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.agentloop.faults.LinkFaults.Way;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FaultProxyTest {

  /** For what must not come. */
  private static final int SOON_MILLIS = 50;

  private final ServerSocket target = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
  private final FaultProxy proxy =
      FaultProxy.to((InetSocketAddress) target.getLocalSocketAddress());

  /** A connection through the proxy, and the end of it that the target has accepted. */
  private final Socket near = new Socket(proxy.address().getAddress(), proxy.address().getPort());

  private final Socket far = target.accept();

  FaultProxyTest() throws IOException {}

  @AfterEach
  void close() throws IOException {
    proxy.close();
    near.close();
    far.close();
    target.close();
  }

  private static void send(Socket from, int... bytes) throws IOException {
    for (int b : bytes) {
      from.getOutputStream().write(b);
    }
  }

  private static int receive(Socket at) throws IOException {
    return at.getInputStream().read();
  }

  private static void assertNothingComes(Socket at) throws IOException {
    at.setSoTimeout(SOON_MILLIS);
    assertThatThrownBy(() -> receive(at)).isInstanceOf(SocketTimeoutException.class);
    at.setSoTimeout(0);
  }

  private static void assertReset(Socket at) {
    assertThatThrownBy(() -> receive(at))
        .isInstanceOf(SocketException.class)
        .hasMessageContaining("reset");
  }

  /** Ends or is reset: a system tells a writer or a reader of a reset, whoever comes first. */
  private static boolean ends(Socket at) throws IOException {
    try {
      return receive(at) == -1;
    } catch (SocketException e) {
      return true;
    }
  }

  private static Duration since(long begun) {
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  @Test
  void carry_noFault_bytesAndEndsPassBothWays() throws IOException {
    send(near, 1);
    assertThat(receive(far)).isEqualTo(1);
    near.shutdownOutput();
    assertThat(receive(far)).isEqualTo(-1);

    send(far, 2);
    assertThat(receive(near)).isEqualTo(2);
    far.shutdownOutput();
    assertThat(receive(near)).isEqualTo(-1);
  }

  @Test
  void carry_clientResets_targetIsReset() throws IOException {
    near.setSoLinger(true, 0);
    near.close();

    assertReset(far);
  }

  @Test
  void carry_nobodyListens_clientIsReset() throws IOException {
    target.close();

    try (Socket client = new Socket()) {
      client.connect(proxy.address());
      assertReset(client);
    }
  }

  @Test
  void delay_twice_takesThatLongEachWay() throws IOException {
    proxy.delay(Duration.ofMillis(50));
    long begun = System.nanoTime();

    send(near, 1);
    send(far, receive(far));

    assertThat(receive(near)).isEqualTo(1);
    assertThat(since(begun)).isGreaterThanOrEqualTo(Duration.ofMillis(100));
  }

  @Test
  void throttle_manyBytes_passAtThatSpeed() throws IOException {
    proxy.throttle(100_000);
    byte[] bytes = new byte[20_000];
    long begun = System.nanoTime();

    near.getOutputStream().write(bytes);
    far.getInputStream().readNBytes(bytes.length);

    assertThat(since(begun)).isBetween(Duration.ofMillis(150), Duration.ofSeconds(10));
  }

  @Test
  void blackHole_bothWays_holdsAllUntilHealed() throws IOException {
    proxy.blackHole();

    send(near, 1);
    send(far, 2);
    near.shutdownOutput();

    assertNothingComes(far);
    assertNothingComes(near);
    proxy.heal();
    assertThat(receive(far)).isEqualTo(1);
    assertThat(receive(far)).isEqualTo(-1);
    assertThat(receive(near)).isEqualTo(2);
  }

  @Test
  void blackHole_oneWay_letsTheOtherWayThrough() throws IOException {
    proxy.blackHole(Way.TO_TARGET);

    send(near, 1);
    send(far, 2);

    assertThat(receive(near)).isEqualTo(2);
    assertNothingComes(far);
    proxy.blackHole(Way.FROM_TARGET);
    assertThat(receive(far)).isEqualTo(1);
    send(far, 3);
    assertNothingComes(near);
  }

  @Test
  void blackHole_endpointDies_othersHearNothing() throws IOException {
    proxy.blackHole(Way.FROM_TARGET);

    far.setSoLinger(true, 0);
    far.close();
    send(near, 1, 2, 3);

    assertNothingComes(near);
    proxy.heal();
    assertThat(ends(near)).isTrue();
  }

  @Test
  void blackHole_newConnection_reachesTheTargetWhenHealed() throws IOException {
    proxy.blackHole(Way.FROM_TARGET);
    target.setSoTimeout(SOON_MILLIS);

    try (Socket client = new Socket()) {
      client.connect(proxy.address());
      assertThatThrownBy(target::accept).isInstanceOf(SocketTimeoutException.class);
      proxy.heal();
      target.setSoTimeout(0);
      target.accept().close();
    }
  }

  @Test
  void cut_connections_areResetAndRefusedUntilHealed() throws IOException {
    proxy.blackHole();
    send(near, 1);

    proxy.cut();

    assertReset(near);
    assertReset(far);
    try (Socket client = new Socket()) {
      assertThatThrownBy(() -> client.connect(proxy.address()))
          .isInstanceOf(ConnectException.class)
          .hasMessageContaining("refused");
    }
    proxy.heal();
    try (Socket client = new Socket()) {
      client.connect(proxy.address());
      send(client, 2);
      try (Socket accepted = target.accept()) {
        assertThat(receive(accepted)).isEqualTo(2);
      }
    }
  }

  @Test
  void close_whileBytesAreHeld_resetsAndFreesThePort() throws IOException {
    proxy.blackHole();
    send(near, 1);

    proxy.close();

    assertReset(near);
    assertReset(far);
    try (ServerSocket free = new ServerSocket()) {
      free.bind(proxy.address());
      assertThat(free.isBound()).isTrue();
    }
  }
}
