package acme; public class Core { public static String hello() { return "hello"; } }
