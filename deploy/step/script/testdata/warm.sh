echo "warming up"
#