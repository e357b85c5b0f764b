"""Makes an installation of Gradle of the jar that package registries have: all of
its classes in one, without the modules that its own parts look each other up by.

usage: assemble.py FOLDER-OF-JARS VERSION FOLDER-TO-MAKE
"""

import os
import re
import shutil
import sys
import zipfile

jars, version, made = sys.argv[1:]
lib = os.path.join(made, "lib")
os.makedirs(os.path.join(lib, "plugins"))
runtime = [j for j in sorted(os.listdir(jars)) if re.match(r"(groovy|kotlin-stdlib|annotations|ant|javaparser).*\.jar$", j)]
for jar in runtime:
    shutil.copy(os.path.join(jars, jar), lib)
shutil.copy(os.path.join(jars, f"gradle-api-{version}.jar"), os.path.join(lib, "gradle-runtime.jar"))
runtime.insert(0, "gradle-runtime.jar")


def module(name, projects, files):
    with zipfile.ZipFile(os.path.join(lib, f"{name}-{version}.jar"), "w") as jar:
        jar.writestr(f"{name}-classpath.properties", f"projects={','.join(projects)}\nruntime={','.join(files)}\n")


end = "-classpath.properties"
with zipfile.ZipFile(os.path.join(lib, "gradle-runtime.jar")) as whole:
    parts = {n[: -len(end)]: whole.read(n).decode() for n in whole.namelist() if re.fullmatch(r"gradle-[a-z0-9-]+" + end, n)}
for name, text in parts.items():
    wanted = re.search(r"(?m)^projects=(.*)$", text)
    projects = [p for p in wanted[1].split(",") if p in parts] if wanted else []
    module(name, projects, runtime if name == "gradle-stdlib-java-extensions" else [])
module("gradle-gradle-cli", ["gradle-launcher"], runtime)
with zipfile.ZipFile(os.path.join(lib, "javax.inject-1.jar"), "w") as jar:
    jar.writestr("META-INF/", "")
