package acme;

public class Gadget {
    public static String end() {
        return org.apache.commons.io.IOUtils.LINE_SEPARATOR_UNIX;
    }
}
