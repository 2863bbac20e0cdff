package io.flowloop.rollout;

import java.net.InetAddress;
import java.util.Locale;
import java.util.regex.Pattern;

/** Names and addresses of hosts as certificates hold them. */
final class HostName {

  private static final Pattern NAME =
      Pattern.compile(
          "(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
              + "(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*");
  private static final Pattern NUMBERS = Pattern.compile("[0-9.]+");
  private static final Pattern IPV4 =
      Pattern.compile("((25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.(?!$)|$)){4}");
  private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*");

  static boolean isAddress(String host) {
    return IPV4.matcher(host).matches() || isIpv6(host);
  }

  static boolean isValid(String host) {
    return isAddress(host) || (NAME.matcher(host).matches() && !NUMBERS.matcher(host).matches());
  }

  /** Addresses in the one form that certificates' readers write, names in small letters. */
  static String plain(String host) {
    return isAddress(host)
        ? InetAddress.ofLiteral(host).getHostAddress()
        : host.toLowerCase(Locale.ROOT);
  }

  private static boolean isIpv6(String host) {
    if (!IPV6.matcher(host).matches()) {
      return false;
    }
    try {
      return !InetAddress.ofLiteral(host).getHostAddress().isEmpty();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private HostName() {}
}
