# mvn 3.8.7: a goal by its prefix, which is in a group of the settings.
# SEED is where e2e/maven/install-clients.sh has put the plugins.
cp -r "$SEED" repository
find repository -name _remote.repositories -delete
cat >settings.xml <<END
<settings><localRepository>$HOME/repository</localRepository>
<servers><server><id>it</id><username>aws</username><password>$TOKEN</password></server></servers>
<mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf><url>$REGISTRY</url></mirror></mirrors>
<profiles><profile><id>it</id><repositories><repository><id>it</id><url>$REGISTRY</url><snapshots><enabled>true</enabled></snapshots></repository></repositories></profile></profiles>
<activeProfiles><activeProfile>it</activeProfile></activeProfiles><pluginGroups><pluginGroup>org.far</pluginGroup></pluginGroups></settings>
END
run() { "$CLIENT" -B -q -s "$HOME/settings.xml" "$@"; }
! run far:run
