package acme; public class Helper { public static String help() { return Core.hello(); } }
